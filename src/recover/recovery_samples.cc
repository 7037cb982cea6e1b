#include "recover/recovery_samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/refuse.h"
#include "model/copy_samples.h"
#include "model/kept_samples.h"
#include "model/staged_run.h"
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

TensorView data_of(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how) {
  if (how.data.data) return how.data;
  if (!table || table->kept.numbers.empty())
    refuse(
        "recovery needs samples, and the calibration table has kept none; give them as "
        "RecoverOptions::data");
  return {table->kept.values.data(),
          with_batch(fp32.input_shape(), static_cast<std::int64_t>(table->kept.numbers.size()))};
}

}  // namespace

double products_of(const Graph& graph) {
  double products = 1;
  for (const Graph::Node& node : graph.nodes)
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.weight, op.bias; }) {
            const Shape& out = graph.values[index(node.output)].shape;
            const std::int64_t rows = out.elements() / op.weight.shape[0];
            products += static_cast<double>(op.weight.shape.elements()) * static_cast<double>(rows);
          }
        },
        node.op);
  return products;
}

SampleCounts::SampleCounts(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how)
    : all(data_of(fp32, table, how)), kept_bytes(kept_bytes_of(fp32)) {
  const double products = products_of(fp32.graph());
  const std::int64_t there = check_batch(all.shape, fp32.input_shape(), "the samples of a recovery"),
                     wanted = wanted_samples(products, how),
                     count = std::min({there, wanted, affordable_samples(kept_bytes, products, how)});
  if (count < 8) refuse(fmt::format("recovery needs at least 8 samples, it got {}", count));
  held_out = count / how.held_out_every;
  learned = count - held_out;
  positions = how.positions * std::clamp<std::int64_t>(wanted / count, 1, kMorePositions);
}

RecoverySamples::RecoverySamples(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how)
    : sample(fp32.input_shape()) {
  const SampleCounts counts(fp32, table, how);
  all = counts.all, positions = counts.positions;
  learned_count = counts.learned, held_out_count = counts.held_out;
  for (std::int64_t i = 0; i < counts.count(); ++i)
    append_sample(all, i, i % how.held_out_every == how.held_out_every - 1 ? held_out : learned);
}

TensorView RecoverySamples::batch(bool aside) const {
  return {(aside ? held_out : learned).data(), with_batch(sample, aside ? held_out_count : learned_count)};
}

}  // namespace lowbit::detail
