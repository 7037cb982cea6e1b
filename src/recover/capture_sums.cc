// SPDX-License-Identifier: Apache-2.0
#include "recover/capture_sums.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/refuse.h"
#include "lowbit/kernels/cpu.h"
#include "model/tasks.h"

namespace lowbit::detail {

void check_capture_options(const CaptureOptions& options) {
  if (options.other && options.cross_moments == CrossMoments::none)
    refuse("a capture with another model takes its inputs or targets");
  if (options.positions < 1 || options.positions > (std::int64_t{1} << 31))
    refuse(fmt::format("a capture takes 1 to 2^31 positions of a sample, not {}", options.positions));
  if (options.sampled_rows < 0 || options.sampled_rows > (std::int64_t{1} << 20))
    refuse(fmt::format("a capture keeps 0 to 1,048,576 rows of a layer, not {}", options.sampled_rows));
}

CapturedLayer captured_layer(const Model& model, int node, int other_node, const CaptureOptions& options,
                             LayerMoments::State& state, bool allocate) {
  const LayerRows rows(model, node);
  CapturedLayer layer{.rows = rows, .state = &state, .taken = std::min(options.positions, rows.positions())};
  state.layer = model.graph().nodes[static_cast<std::size_t>(node)].name;
  state.groups = rows.groups(), state.columns = rows.columns(), state.channels = rows.channels();
  state.second = options.second_moments;
  state.most_rows = options.sampled_rows;
  if (options.other) {
    layer.other.emplace(*options.other, other_node);
    if (!layer.other->same_geometry(rows))
      refuse(fmt::format("layer '{}' has another shape in the other model", state.layer));
    state.others_kind = options.cross_moments;
  }
  if (state.has_targets())
    layer.targets = std::make_shared<LayerTargets>(model, node, *options.other, other_node);
  if (allocate) state.allocate();
  return layer;
}

CaptureSums::CaptureSums() : kernel_(kernels::select_moment_kernel(active_isa())) {}

void CaptureSums::add(const CapturedLayer& layer, std::span<const SampleValues> samples, Executor& executor) {
  const std::size_t count = samples.size();
  if (work_.size() < count) work_.resize(count);
  run_tasks(executor, count, [&](std::size_t i) {
    work_[i].read(layer, samples[i].number, *samples[i].values, samples[i].others);
  });
  LayerMoments::State& state = *layer.state;
  for (std::size_t i = 0; i < count; ++i) work_[i].raise(state);
  for (std::size_t i = 0; i < count; ++i) work_[i].add_sums(state);
  if (state.second != SecondMoments::full) return;
  const auto panels = static_cast<std::size_t>(state.panels());
  run_tasks(executor, static_cast<std::size_t>(state.groups) * panels, [&](std::size_t task) {
    add_tiles(state, static_cast<std::int64_t>(task / panels), static_cast<std::int64_t>(task % panels),
              count);
  });
}

// Row i of the tiles of a group.
void CaptureSums::add_tiles(LayerMoments::State& state, std::int64_t group, std::int64_t i,
                            std::size_t count) const {
  double tile[64];
  for (std::int64_t j = i; j < state.panels(); ++j)
    for (std::size_t s = 0; s < count; ++s) {
      const SampleSums& w = work_[s];
      kernel_.products(w.x_panel(group, i), w.x_panel(group, j), w.row_count(), tile);
      state.seconds.add(tile, 64, state.tile(group, i, j));
    }
  for (std::int64_t j = 0; state.has_other() && j < state.other_panels(); ++j)
    for (std::size_t s = 0; s < count; ++s) {
      const SampleSums& w = work_[s];
      kernel_.products(w.x_panel(group, i), w.other_panel(group, j), w.row_count(), tile);
      state.cross.add(tile, 64, state.cross_tile(group, i, j));
    }
}

}  // namespace lowbit::detail
