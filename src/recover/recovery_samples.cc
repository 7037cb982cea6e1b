// SPDX-License-Identifier: Apache-2.0
#include "recover/recovery_samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/refuse.h"
#include "model/copy_samples.h"
#include "model/staged_run.h"
#include "recover/channels.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// As few as that are taken whatever they cost.
constexpr std::int64_t kFewest = 32;
/// Rows of a sample are at most so many times RecoverOptions::positions.
constexpr std::int64_t kMorePositions = 4;

/// RecoverOptions::samples, or more where they are cheap.
std::int64_t wanted_samples(double products, const RecoverOptions& how) {
  return std::max(how.samples, static_cast<std::int64_t>(std::min(how.products / products, 1024.0)));
}

/// Those whose run and whose values, kept between layers, are not too much.
std::int64_t affordable_samples(std::size_t bytes, double products, const RecoverOptions& how) {
  const double by_memory =
                   static_cast<double>(how.kept_bytes) / static_cast<double>(std::max<std::size_t>(bytes, 1)),
               by_time = how.most_products / products;
  return std::max(kFewest, static_cast<std::int64_t>(std::min({by_memory, by_time, 1e9})));
}

std::size_t kept_bytes_of(const Model& fp32) {
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < fp32.graph().nodes.size(); ++i)
    if (ops::has_weights(fp32.graph().nodes[i].op)) layers.push_back(i);
  return 2 * StagedRun::kept_bytes(fp32, layers);
}

}  // namespace

double products_of(const Graph& graph) {
  double products = 1;
  for (const Graph::Node& node : graph.nodes)
    with_weights(graph, node, [&](const auto& op, const WeightLayout& layout) {
      const std::int64_t rows = graph.values[index(node.output)].shape.elements() / layout.rows;
      products += static_cast<double>(op.weight.shape.elements()) * static_cast<double>(rows);
    });
  return products;
}

GivenSamples::GivenSamples(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how) {
  if (how.data.data) {
    check_one_input(fp32);
    tensor_ = how.data;
    count_ = check_batch(tensor_.shape, fp32.input_shape(), "the samples of a recovery");
    return;
  }
  if (how.arrays.empty() && (!table || table->kept.numbers.empty()))
    refuse(
        "recovery needs samples, and the calibration table has kept none; give them as "
        "RecoverOptions::data");
  arrays_ = how.arrays.empty() ? table->kept.samples.views() : how.arrays;
  count_ = check_inputs(fp32, arrays_);
}

void GivenSamples::append_to(SampleSet& set, std::int64_t i) const {
  if (tensor_.data)
    set.append(tensor_, i);
  else
    set.append(arrays_, i);
}

SampleCounts::SampleCounts(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how)
    : all(fp32, table, how), kept_bytes(kept_bytes_of(fp32)) {
  const double products = products_of(fp32.graph());
  const std::int64_t wanted = wanted_samples(products, how),
                     count = std::min({all.count(), wanted, affordable_samples(kept_bytes, products, how)});
  if (count < 8) refuse(fmt::format("recovery needs at least 8 samples, it got {}", count));
  held_out = count / how.held_out_every;
  learned = count - held_out;
  positions = how.positions * std::clamp<std::int64_t>(wanted / count, 1, kMorePositions);
}

RecoverySamples::RecoverySamples(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how)
    : RecoverySamples(fp32, how, SampleCounts(fp32, table, how)) {}

RecoverySamples::RecoverySamples(const Model& fp32, const RecoverOptions& how, const SampleCounts& counts)
    : all(counts.all), learned(fp32), held_out(fp32), positions(counts.positions) {
  for (std::int64_t i = 0; i < counts.count(); ++i)
    all.append_to(i % how.held_out_every == how.held_out_every - 1 ? held_out : learned, i);
}

}  // namespace lowbit::detail
