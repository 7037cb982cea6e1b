// SPDX-License-Identifier: Apache-2.0
#include "recover/layer_walk.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/refuse.h"
#include "lowbit/recover/layer_stats.h"
#include "recover/index.h"

#include <fmt/format.h>

namespace lowbit::detail {
namespace {

int layer_node(const Model& model, const std::string& name) {
  const std::vector<Graph::Node>& nodes = model.graph().nodes;
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Graph::Node& node) {
    return node.name == name && ops::has_weights(node.op);
  });
  return static_cast<int>(at - nodes.begin());
}

}  // namespace

LayerWalk::LayerWalk(const Model& quantized, const Model& fp32, const RecoverySamples& samples, int threads)
    : quantized_(quantized),
      fp32_(fp32),
      learned_(index(samples.learned.count)),
      positions_(samples.positions),
      run_({quantized, fp32}, make_thread_pool(threads), 0) {
  run_.add(samples.learned.views());
  run_.add(samples.held_out.views());
}

LayerWalk::Moments LayerWalk::moments(const std::string& layer) {
  layer_ = layer_node(quantized_, layer);
  const int original = layer_node(fp32_, layer);
  const CaptureOptions options{
      .other = fp32_, .cross_moments = CrossMoments::targets, .positions = positions_, .sampled_rows = 0};
  std::array<std::shared_ptr<LayerMoments::State>, 2> states;
  std::vector<CapturedLayer> captured;
  for (auto& state : states) {
    state = std::make_shared<LayerMoments::State>();
    captured.push_back(captured_layer(quantized_, layer_, original, options, *state, true));
    captured.back().outputs = false;
  }
  const std::array nodes{index(layer_), index(original)};
  const std::array<NodeChange, 2> changes{change_, NodeChange{}};
  run_.advance(nodes, changes, [&](std::size_t first, std::size_t count) {
    std::array<std::vector<SampleValues>, 2> parts;
    for (std::size_t i = first; i < first + count; ++i) {
      const bool aside = i >= learned_;
      parts[aside].push_back(
          {static_cast<std::int64_t>(aside ? i - learned_ : i), &run_.values(i, 0), &run_.values(i, 1)});
    }
    for (std::size_t part = 0; part < parts.size(); ++part)
      sums_.add(captured[part], parts[part], run_.executor());
  });
  change_ = {};
  for (const auto& state : states)
    if (state->rows == 0) refuse(fmt::format("layer '{}' had no input of finite numbers", layer));
  captured.clear();  // with what makes targets
  // One after the other: sums take twice as much as what they come to.
  const auto read = [](std::shared_ptr<LayerMoments::State>& state) {
    return TargetMoments(LayerMoments(std::exchange(state, nullptr)));
  };
  TargetMoments learned = read(states[0]);
  return {std::move(learned), read(states[1])};
}

void LayerWalk::change(const RecoveredLayer& now) {
  change_ = [node = layer_, now](int i, ops::Op& op, NodeQuantization& quantization) {
    if (i != node) return;
    quantization.weights = now.codes;
    if (now.bias.empty()) return;
    std::visit(
        [&](auto& layer) {
          if constexpr (requires { layer.bias; }) layer.bias = now.bias;
        },
        op);
  };
}

void LayerWalk::change(const ops::Op& now) {
  change_ = [node = layer_, now](int i, ops::Op& op, NodeQuantization&) {
    if (i == node) op = now;
  };
}

}  // namespace lowbit::detail
