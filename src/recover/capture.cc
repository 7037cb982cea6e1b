#include "lowbit/recover/capture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/refuse.h"
#include "kernels/moments/moment_kernel.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/serialize.h"
#include "model/node_schemes.h"
#include "model/sample_runner.h"
#include "model/tasks.h"
#include "recover/sample_sums.h"

namespace lowbit {
namespace {

using detail::CapturedLayer;
using detail::LayerRows;
using detail::SampleSums;

void check_options(const CaptureOptions& options) {
  if (options.other && options.cross_moments == CrossMoments::none)
    refuse("a capture with another model takes its inputs or targets");
  if (options.positions < 1 || options.positions > (std::int64_t{1} << 31))
    refuse(fmt::format("a capture takes 1 to 2^31 positions of a sample, not {}", options.positions));
  if (options.sampled_rows < 0 || options.sampled_rows > (std::int64_t{1} << 20))
    refuse(fmt::format("a capture keeps 0 to 1,048,576 rows of a layer, not {}", options.sampled_rows));
}

void check_input(const Model& model) {
  if (model.input_count() != 1)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("a capture of a model with {} inputs is not supported, only 1", model.input_count()));
}

/// Layers of the model that the patterns match.
std::vector<int> matching_layers(const Model& model, const std::vector<std::string>& patterns) {
  std::vector<int> nodes;
  std::vector<bool> used(patterns.size(), false);
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i) {
    const Graph::Node& node = model.graph().nodes[i];
    if (!ops::has_weights(node.op)) continue;
    bool matched = false;
    for (std::size_t p = 0; p < patterns.size(); ++p)
      if (glob_match(patterns[p], node.name)) matched = used[p] = true;
    if (matched) nodes.push_back(static_cast<int>(i));
  }
  for (std::size_t p = 0; p < patterns.size(); ++p)
    if (!used[p]) refuse(fmt::format("'{}' matches no layer with weights", patterns[p]));
  if (nodes.empty()) refuse("a capture needs at least one pattern of layers");
  return nodes;
}

LayerRows rows_in_other(const Model& other, const std::string& name, const LayerRows& rows) {
  const std::vector<Graph::Node>& nodes = other.graph().nodes;
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Graph::Node& n) {
    return n.name == name && ops::has_weights(n.op);
  });
  if (at == nodes.end()) refuse(fmt::format("the other model has no layer '{}'", name));
  LayerRows found(other, static_cast<int>(at - nodes.begin()));
  if (!found.same_geometry(rows))
    refuse(fmt::format("layer '{}' has another shape in the other model", name));
  return found;
}

std::vector<Model> models_of(const Model& model, const CaptureOptions& options) {
  std::vector<Model> models{model};
  if (options.other) models.push_back(*options.other);
  return models;
}

}  // namespace

namespace detail {

/// Layers with their sums, in order of the graph.
struct CaptureLayers {
  CaptureLayers(const Model& model, const CaptureOptions& options, bool allocate) {
    check_options(options);
    check_input(model);
    if (options.other) {
      check_input(*options.other);
      if (!(options.other->input_shape() == model.input_shape()))
        refuse(fmt::format("the other model takes samples of shape {}, not {}",
                           options.other->input_shape().to_string(), model.input_shape().to_string()));
    }
    for (const int node : matching_layers(model, options.layers)) {
      const std::string& name = model.graph().nodes[static_cast<std::size_t>(node)].name;
      LayerRows rows(model, node);
      std::optional<LayerRows> other;
      if (options.other) other = rows_in_other(*options.other, name, rows);
      auto state = std::make_shared<LayerMoments::State>();
      state->layer = name;
      state->groups = rows.groups(), state->columns = rows.columns(), state->channels = rows.channels();
      state->second = options.second_moments;
      if (other) state->others_kind = options.cross_moments;
      state->most_rows = options.sampled_rows;
      if (allocate) state->allocate();
      std::shared_ptr<const detail::LayerTargets> targets;
      if (state->has_targets())
        targets = std::make_shared<detail::LayerTargets>(model, rows.node(), *options.other, other->node());
      all.push_back({rows, other, targets, state.get(), std::min(options.positions, rows.positions())});
      states.push_back(std::move(state));
    }
  }

  std::size_t lane_bytes() const {
    std::size_t most = 0;
    for (const CapturedLayer& layer : all) most = std::max(most, SampleSums::bytes(layer));
    return most;
  }

  /// Of each model: the nodes up to the last that is captured.
  std::vector<std::size_t> nodes() const {
    std::vector<std::size_t> counts(all[0].other ? 2 : 1, 0);
    for (const CapturedLayer& layer : all) {
      counts[0] = std::max(counts[0], static_cast<std::size_t>(layer.rows.node()) + 1);
      if (layer.other) counts[1] = std::max(counts[1], static_cast<std::size_t>(layer.other->node()) + 1);
    }
    return counts;
  }

  std::vector<CapturedLayer> all;
  std::vector<std::shared_ptr<LayerMoments::State>> states;
};

}  // namespace detail

std::size_t CaptureMemory::peak() const {
  std::size_t stats = 0, work = 0;
  for (const Layer& layer : layers) stats += layer.stats, work = std::max(work, layer.work);
  return stats + values + work;
}

CaptureMemory capture_memory(const Model& model, const CaptureOptions& options) {
  const detail::CaptureLayers layers(model, options, false);
  const auto threads = static_cast<std::size_t>(std::max(options.threads, 1));
  const std::size_t values = SampleRunner::bytes_of_lane(models_of(model, options));
  const std::size_t lanes = SampleRunner::lanes(values + layers.lane_bytes(), threads);
  CaptureMemory memory;
  memory.values = lanes * values;
  for (const CapturedLayer& layer : layers.all)
    memory.layers.push_back({layer.state->layer, layer.state->bytes(), lanes * SampleSums::bytes(layer)});
  return memory;
}

struct Capturer::State {
  State(const Model& model, CaptureOptions o)
      : options(std::move(o)),
        layers(model, options, true),
        kernel(kernels::select_moment_kernel(active_isa())),
        runner(models_of(model, options),
               {.threads = options.threads,
                .shard = options.shard,
                .lane_bytes = layers.lane_bytes(),
                .what = "capture",
                .nodes = layers.nodes(),
                .progress = options.progress},
               [this](std::size_t count) { take(count); }) {
    stats.model = fingerprint(model);
    stats.other = options.other ? fingerprint(*options.other) : 0;
    stats.data = options.data;
    stats.shard = options.shard;
    for (const auto& state : layers.states) stats.layers.emplace_back(state);
  }

  void take(std::size_t count) {
    if (runner.samples() + static_cast<std::int64_t>(count) > detail::ExactSums::kMostAdditions)
      refuse(fmt::format("a capture holds at most {} samples", detail::ExactSums::kMostAdditions));
    if (work.size() < count) work.resize(count);
    for (const CapturedLayer& layer : layers.all) take_layer(layer, count);
    stats.samples += static_cast<std::int64_t>(count);
  }

  /// Lanes read their samples side by side; then threads add up second moments, each of its own tiles.
  void take_layer(const CapturedLayer& layer, std::size_t count) {
    run_tasks(runner.executor(), count, [&](std::size_t lane) {
      work[lane].read(layer, runner.number(lane), runner.values(lane, 0),
                      layer.other ? &runner.values(lane, 1) : nullptr);
    });
    LayerMoments::State& state = *layer.state;
    for (std::size_t lane = 0; lane < count; ++lane) work[lane].raise(state);
    for (std::size_t lane = 0; lane < count; ++lane) work[lane].add_sums(state);
    if (state.second != SecondMoments::full) return;
    const auto panels = static_cast<std::size_t>(state.panels());
    run_tasks(runner.executor(), static_cast<std::size_t>(state.groups) * panels, [&](std::size_t task) {
      add_tiles(state, static_cast<std::int64_t>(task / panels), static_cast<std::int64_t>(task % panels),
                count);
    });
  }

  /// Row i of the tiles of a group.
  void add_tiles(LayerMoments::State& state, std::int64_t group, std::int64_t i, std::size_t count) {
    double tile[64];
    for (std::int64_t j = i; j < state.panels(); ++j)
      for (std::size_t lane = 0; lane < count; ++lane) {
        const SampleSums& w = work[lane];
        kernel.products(w.x_panel(group, i), w.x_panel(group, j), w.row_count(), tile);
        state.seconds.add(tile, 64, state.tile(group, i, j));
      }
    for (std::int64_t j = 0; state.has_other() && j < state.other_panels(); ++j)
      for (std::size_t lane = 0; lane < count; ++lane) {
        const SampleSums& w = work[lane];
        kernel.products(w.x_panel(group, i), w.other_panel(group, j), w.row_count(), tile);
        state.cross.add(tile, 64, state.cross_tile(group, i, j));
      }
  }

  CaptureOptions options;
  detail::CaptureLayers layers;
  LayerStats stats;
  std::vector<SampleSums> work;  ///< one a lane
  const kernels::MomentKernel& kernel;
  SampleRunner runner;
};

Capturer::Capturer(const Model& model, CaptureOptions options)
    : state_(std::make_unique<State>(model, std::move(options))) {}
Capturer::Capturer(Capturer&&) noexcept = default;
Capturer& Capturer::operator=(Capturer&&) noexcept = default;
Capturer::~Capturer() = default;

void Capturer::add(const TensorView& batch) {
  state_->runner.add(batch);
}

LayerStats Capturer::shard() {
  state_->runner.flush();
  return detail::deep_copy(state_->stats);
}

LayerStats Capturer::finish() {
  LayerStats stats = shard();
  detail::check_captured(stats);
  return stats;
}

}  // namespace lowbit
