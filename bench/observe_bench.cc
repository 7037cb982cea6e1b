// SPDX-License-Identifier: Apache-2.0
// observe/<observer>/<distribution>: how fast observers take values in on one thread, from an array that no
// cache holds; observe/read is a plain sum over the same bits, the speed of memory. Observers of a
// distribution differ in `range` alone, so that one stands for all; range/<observer>/<distribution> is the
// time that takes for 8 bits, after 16 million values.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "lowbit/observe/observer.h"
#include "options.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr std::size_t kValues = std::size_t{1} << 24;
const char* const kDistributions[] = {"gaussian", "relu", "uniform", "constant", "exponents", "nan"};

float value_of(const std::string& distribution, detail::Random& random) {
  if (distribution == "gaussian") return random.gaussian();
  if (distribution == "relu") return std::max(0.0f, random.gaussian());
  if (distribution == "uniform") return random.uniform();
  if (distribution == "exponents")  // any bits but those of what is not finite
    return std::bit_cast<float>(static_cast<std::uint32_t>(random.next()) & 0xFF7FFFFFu);
  if (distribution == "nan") return random.integer(0, 99) ? random.gaussian() : NAN;
  return 0.7f;
}

const std::vector<float>& values(const std::string& distribution) {
  static std::map<std::string, std::vector<float>> all;
  std::vector<float>& v = all[distribution];
  if (v.empty()) {
    detail::Random random(1);
    v.resize(kValues);
    for (float& x : v) x = value_of(distribution, random);
  }
  return v;
}

void run_read(benchmark::State& state) {
  const std::vector<float>& x = values("uniform");
  for (auto _ : state) {
    std::uint32_t sum = 0;
    for (const float v : x) sum += std::bit_cast<std::uint32_t>(v);
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kValues * sizeof(float)));
}

void run_observe(benchmark::State& state, const std::string& name, const std::string& distribution) {
  const std::vector<float>& x = values(distribution);
  AnyObserver observer = make_observer(name);
  for (auto _ : state) observer.observe(x);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kValues * sizeof(float)));
}

void run_range(benchmark::State& state, const std::string& name, const std::string& distribution) {
  AnyObserver observer = make_observer(name);
  observer.observe(values(distribution));
  for (auto _ : state) benchmark::DoNotOptimize(observer.range(unsigned_range(8)));
}

}  // namespace

void register_observe_benchmarks() {
  if (options().short_set) return;
  const auto path = [](const std::string& what, const std::string& name, const std::string& distribution) {
    return what + "/" + name + "/" + distribution;
  };
  benchmark::RegisterBenchmark("observe/read/uniform", run_read)->Unit(benchmark::kMillisecond);
  for (const std::string name : {"minmax", "moving-average", "histogram"})
    for (const char* d : kDistributions)
      benchmark::RegisterBenchmark(path("observe", name, d).c_str(), run_observe, name, d)
          ->Unit(benchmark::kMillisecond);
  for (const std::string& name : known_observers())
    for (const char* d : {"gaussian", "relu", "exponents"})
      benchmark::RegisterBenchmark(path("range", name, d).c_str(), run_range, name, d)
          ->Unit(benchmark::kMillisecond);
}

}  // namespace lowbit::bench
