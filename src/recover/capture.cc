// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/capture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/refuse.h"
#include "lowbit/model/serialize.h"
#include "model/node_schemes.h"
#include "model/sample_runner.h"
#include "recover/capture_sums.h"

namespace lowbit {
namespace {

using detail::CapturedLayer;
using detail::SampleSums;

void check_inputs_of(const Model& other, const Model& model) {
  if (other.input_count() != model.input_count())
    refuse(fmt::format("the other model has {} inputs, not {}", other.input_count(), model.input_count()));
  for (std::size_t i = 0; i < model.input_count(); ++i)
    if (!(other.input_shape(i) == model.input_shape(i)))
      refuse(fmt::format("the other model takes samples of shape {}, not {}, as '{}'",
                         other.input_shape(i).to_string(), model.input_shape(i).to_string(),
                         model.graph().values[static_cast<std::size_t>(model.graph().inputs[i])].name));
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

int node_in_other(const Model& other, const std::string& name) {
  const std::vector<Graph::Node>& nodes = other.graph().nodes;
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Graph::Node& n) {
    return n.name == name && ops::has_weights(n.op);
  });
  if (at == nodes.end()) refuse(fmt::format("the other model has no layer '{}'", name));
  return static_cast<int>(at - nodes.begin());
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
    check_capture_options(options);
    if (options.other) check_inputs_of(*options.other, model);
    for (const int node : matching_layers(model, options.layers)) {
      const std::string& name = model.graph().nodes[static_cast<std::size_t>(node)].name;
      const int other = options.other ? node_in_other(*options.other, name) : -1;
      auto state = std::make_shared<LayerMoments::State>();
      all.push_back(captured_layer(model, node, other, options, *state, allocate));
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
    for (const CapturedLayer& layer : layers.all) {
      std::vector<detail::SampleValues> samples;
      for (std::size_t lane = 0; lane < count; ++lane)
        samples.push_back(
            {runner.number(lane), &runner.values(lane, 0), layer.other ? &runner.values(lane, 1) : nullptr});
      sums.add(layer, samples, runner.executor());
    }
    stats.samples += static_cast<std::int64_t>(count);
  }

  CaptureOptions options;
  detail::CaptureLayers layers;
  LayerStats stats;
  detail::CaptureSums sums{};
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

void Capturer::add(std::span<const arrays::ArrayView> batch) {
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
