// SPDX-License-Identifier: Apache-2.0
// quantize/<scheme>/4096x4096: the time from float weights to codes and scales, on one thread; x_loop
// compares with a plain loop over the same values: largest magnitude of a row, then a scaled rounding or a
// search among the levels.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "comparison.h"
#include "core/random.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::bench {
namespace {

constexpr std::int64_t kSide = 4096;

const std::vector<float>& weights() {
  static const std::vector<float> values = [] {
    detail::Random random(1);
    std::vector<float> v(static_cast<std::size_t>(kSide * kSide));
    for (float& x : v) x = random.gaussian();
    return v;
  }();
  return values;
}

// What somebody writes who needs it once: nearest by looking at every level, or by rounding where they are
// even.
void plain_loop(const std::vector<float>& levels, std::int64_t group, std::vector<std::uint8_t>& codes) {
  const float* w = weights().data();
  for (std::int64_t g = 0; g < kSide * kSide; g += group) {
    float largest = 0;
    for (std::int64_t i = g; i < g + group; ++i) largest = std::max(largest, std::fabs(w[i]));
    if (levels.empty()) {
      const float scale = largest / 127;
      for (std::int64_t i = g; i < g + group; ++i)
        codes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(
            static_cast<int>(std::nearbyint(std::clamp(w[i] / scale, -127.0f, 127.0f))));
      continue;
    }
    for (std::int64_t i = g; i < g + group; ++i) {
      std::size_t best = 0;
      for (std::size_t l = 1; l < levels.size(); ++l)
        if (std::fabs(w[i] / largest - levels[l]) < std::fabs(w[i] / largest - levels[best])) best = l;
      codes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(best);
    }
  }
}

double plain_seconds(const AnyQuantizer& quantizer) {
  std::vector<std::uint8_t> codes(weights().size());
  const std::int64_t group =
      quantizer.granularity.kind == Granularity::Kind::group ? quantizer.granularity.group_size : kSide;
  // A search among 256 levels would take minutes.
  const std::vector<float> levels =
      quantizer.levels().size() <= 16 ? quantizer.levels() : std::vector<float>();
  const auto start = std::chrono::steady_clock::now();
  plain_loop(levels, group, codes);
  benchmark::DoNotOptimize(codes.data());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_quantize(benchmark::State& state, const AnyQuantizer& quantizer) {
  const MatrixView view(weights().data(), kSide, kSide);
  double seconds = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const QuantizedMatrix q = quantize(view, quantizer);
    benchmark::DoNotOptimize(q.codes.data());
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  state.counters["x_loop"] = plain_seconds(quantizer) / (seconds / static_cast<double>(state.iterations()));
}

}  // namespace

void register_quantize_benchmarks() {
  if (options().short_set) return;
  const auto add = [](const std::string& name, const AnyQuantizer& quantizer) {
    benchmark::RegisterBenchmark(("quantize/" + name + "/4096x4096").c_str(), run_quantize, quantizer)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  for (const char* name :
       {"int8", "int8-asym", "int4", "int4-g32", "int4-g32-asym", "fp8e4m3-wo", "mxfp4", "mxfp6", "mxfp8-wo",
        "mxint8", "nvfp4", "fp4-g32", "nf4-g64", "apot4", "ternary", "absmean", "binary"})
    add(name, make_quantizer(name));
  add("kmeans4-g64", make_quantizer("kmeans4-g64"));
  add("kmeans4-g64-lloyd", KMeans<4>{per_group(64), false});
  add("kmeans4", make_quantizer("kmeans4"));
  add("kmeans4-lloyd", KMeans<4>{per_channel(), false});
}

}  // namespace lowbit::bench
