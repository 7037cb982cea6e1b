// SPDX-License-Identifier: Apache-2.0
// What a recovery takes, layer by layer. Figures follow layer_walk.cc, recover_layer.cc and the rounders; a
// test compares them with what the system counts.
#include <algorithm>

#include "model/sample_runner.h"
#include "recover/channels.h"
#include "recover/index.h"
#include "recover/recovery_samples.h"
#include "recover/recovery_steps.h"

namespace lowbit {
namespace {

constexpr std::size_t kDouble = sizeof(double), kExact = 2 * sizeof(std::int64_t);
/// Samples that run side by side, in both networks.
std::size_t bytes_of_lanes(const Model& fp32, const RecoverOptions& how) {
  constexpr std::size_t kOfThreads = std::size_t{64} << 20;  // SampleRunner::lanes
  const std::size_t one = 2 * SampleRunner::bytes_of_lane({fp32});
  return how.threads == 1 ? one : std::max(kOfThreads, static_cast<std::size_t>(how.threads) * one);
}
/// Of a weight: its code in the plan; codes and what a kernel wants of them in two models, the best so far
/// and the next.
constexpr std::size_t kBytesOfCodes = 1 + 2 * 2;

/// Groups of `rows` x `columns` weights.
struct Sizes {
  std::size_t groups, rows, columns;
  std::size_t weights() const { return groups * rows * columns; }
  std::size_t moments() const { return groups * columns * columns; }
};

Sizes sizes_of(const detail::WeightLayout& w) {
  return {detail::index(w.rows / w.rows_of_group), detail::index(w.rows_of_group),
          detail::index(w.columns * w.taps)};
}

/// Sums of samples that are learned from and kept aside, in exact form, until they are read as doubles.
std::size_t bytes_of_moments(const Sizes& s) {
  const std::size_t panels = (s.columns + 7) / 8 * 8, channels = (s.rows + 7) / 8 * 8;
  const std::size_t exact = s.groups * kExact * (panels * (panels + 8) / 2 + panels * channels),
                    real = kDouble * (s.moments() + s.weights());
  const std::size_t walking = 2 * exact + 2 * kDouble * s.weights(),
                    reading = 2 * exact + real + kDouble * s.columns * s.columns;
  return std::max(walking, reading);
}

/// With the moments as doubles at hand: a problem for each kind of weights that is rounded towards, the
/// solution of its targets, then rounders one by one.
std::size_t bytes_of_search(const Sizes& s, const RecoverOptions& how) {
  const auto asks = [&](RecoveryStep step) { return detail::asks_for(how, step); };
  const bool targets = asks(RecoveryStep::qronos) || asks(RecoveryStep::adaround) ||
                       asks(RecoveryStep::signround) || asks(RecoveryStep::descent),
             own = asks(RecoveryStep::hqq) || asks(RecoveryStep::gptq);
  const std::size_t moments = 2 * kDouble * (s.moments() + s.weights()),
                    problem = kDouble * s.moments() + 24 * s.weights(),
                    solving = 3 * kDouble * s.columns * s.columns + 6 * kDouble * s.rows * s.columns,
                    rounding = 3 * kDouble * s.moments() + 24 * s.weights();
  return moments + (std::size_t{targets} + std::size_t{own}) * problem + std::max(solving, rounding);
}

}  // namespace

std::size_t RecoveryMemory::peak() const {
  std::size_t most = 0;
  for (const Layer& layer : layers) most = std::max(most, layer.bytes);
  const std::size_t all = values + models + most;
  return all + all / 8;
}

RecoveryMemory recovery_memory(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how) {
  const detail::SampleCounts counts(fp32, table, how);
  const Graph& graph = fp32.graph();
  RecoveryMemory memory;
  for (const Graph::Node& node : graph.nodes)
    detail::with_weights(graph, node, [&](const auto& op, const detail::WeightLayout& layout) {
      static_cast<void>(op);
      const Sizes sizes = sizes_of(layout);
      // The layer itself, while it runs: floats, their form for a kernel, codes and theirs.
      const std::size_t running = (4 + 4 + 1 + 1) * sizes.weights();
      memory.layers.push_back(
          {node.name, running + std::max(bytes_of_moments(sizes), bytes_of_search(sizes, how))});
      memory.models += kBytesOfCodes * sizes.weights();
    });
  memory.values =
      detail::index(counts.count()) * (counts.kept_bytes + sample_bytes(fp32)) + bytes_of_lanes(fp32, how);
  return memory;
}

}  // namespace lowbit
