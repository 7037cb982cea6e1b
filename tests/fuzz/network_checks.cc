// SPDX-License-Identifier: Apache-2.0
#include "network_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/range_table.h"
#include "lowbit/model/serialize.h"
#include "model/copy_samples.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit::fuzz {
namespace {

constexpr std::int64_t kSamples = 3;

Tensor random_inputs(const Model& model) {
  Tensor in(with_batch(model.input_shape(), kSamples));
  testing::Random random(7);
  for (float& v : in.data) v = random.uniform();
  return in;
}

Tensor outputs(const Model& model, const Tensor& in, std::int64_t batch) {
  Tensor out(with_batch(model.output_shape(), kSamples));
  Workspace workspace(model, {.batch = batch});
  const std::int64_t from = model.input_shape().elements(), to = model.output_shape().elements();
  for (std::int64_t first = 0; first < kSamples; first += batch)
    run(model, TensorView(in.data.data() + first * from, with_batch(model.input_shape(), batch)),
        MutableTensorView(out.data.data() + first * to, with_batch(model.output_shape(), batch)), workspace);
  return out;
}

/// Floats round differently from one instruction set to the next: ranges are taken up to powers of two, so
/// that codes do not.
CalibrationTable calibrate_coarsely(const Model& fp32, const Tensor& in) {
  Calibrator calibrator(fp32);
  calibrator.add(in.view());
  RangeTable table = make_range_table(calibrator.finish());
  for (RangeTable::Row& row : table.rows) {
    const auto coarse = [](float limit) {
      return limit == 0 ? 0.0f
                        : std::copysign(std::exp2(std::ceil(std::log2(std::fabs(limit)) - 0.01f)), limit);
    };
    row.set_clip({coarse(row.clip.min), coarse(row.clip.max)});
  }
  return calibration_table(table, fp32);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.data.size() == b.data.size() &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(float)) == 0;
}

}  // namespace

std::string check_floats(const Graph& graph) {
  Graph fused = graph;
  fuse(fused);
  const Model plain(graph), after(fused);
  const Tensor in = random_inputs(plain);
  const Tensor ours = outputs(plain, in, kSamples), theirs = outputs(after, in, kSamples);
  const std::int64_t from = plain.input_shape().elements(), to = plain.output_shape().elements();
  for (std::int64_t s = 0; s < kSamples; ++s) {
    testing::Sample sample{plain.input_shape(), {}};
    sample.data.assign(in.data.begin() + s * from, in.data.begin() + (s + 1) * from);
    const std::vector<testing::Sample> expected = testing::interpret(graph, std::span(&sample, 1));
    double largest = 1e-3;
    for (const double v : expected[0].data) largest = std::max(largest, std::fabs(v));
    for (std::int64_t i = 0; i < to; ++i) {
      const double right = expected[0].data[static_cast<std::size_t>(i)];
      const auto at = static_cast<std::size_t>(s * to + i);
      // Not (error <= bound), so that NaN is an error.
      if (!(std::fabs(ours.data[at] - right) <= 1e-4 * largest))
        return fmt::format("sample {}, output {}: {} in place of {}", s, i, ours.data[at], right);
      if (!(std::fabs(theirs.data[at] - right) <= 1e-4 * largest))
        return fmt::format("fused, sample {}, output {}: {} in place of {}", s, i, theirs.data[at], right);
    }
  }
  return {};
}

std::string check_codes(const Graph& graph, std::uint64_t& hash) {
  Graph fused = graph;
  fuse(fused);
  const Model fp32(fused);
  const Tensor in = random_inputs(fp32);
  const CalibrationTable table = calibrate_coarsely(fp32, in);
  for (const char* scheme : {"int8", "int8-asym", "int4", "int8-dynamic", "int2-g32", "ternary", "nf4"}) {
    const Model model = quantize(fp32, table, {.scheme = scheme});
    const Tensor out = outputs(model, in, kSamples);
    if (!same_bits(out, outputs(model, in, 1))) return fmt::format("{}: a batch gives other bits", scheme);
    if (!same_bits(out, outputs(load(save_to_bytes(model)), in, 1)))
      return fmt::format("{}: a file gives other bits", scheme);
    hash = testing::fnv1a(out.data.data(), out.data.size() * sizeof(float)) ^ (hash * 0x9E3779B97F4A7C15u);
  }
  return {};
}

}  // namespace lowbit::fuzz
