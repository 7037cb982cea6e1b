// SPDX-License-Identifier: Apache-2.0
// High biases moved from layers behind a ReLU into those that read them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/recover/equalize.h"
#include "recover/channel_maps.h"
#include "recover/channels.h"
#include "recover/index.h"
#include "recover/scale_factors.h"

namespace lowbit {
namespace {

using detail::index;
using Channels = std::vector<double>;  ///< what a value of the rewritten network lacks, channel by channel

bool pads(const ops::Window& window) {
  return window.pad != std::array<std::int64_t, 4>{0, 0, 0, 0};
}

/// Follows what a value lacks to the biases that can make up for it. Nothing is changed on the way.
class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph), maps_(detail::channel_maps(graph)) {}

  struct Gain {
    int node;
    Channels bias;
  };

  /// Empty: it can be made up for, by `gains`. Else the reason why not.
  std::string follow(ValueId value, const Channels& lack) {
    if (graph_.is_output(value)) return "the network returns it";
    int previous = -1;
    for (const int reader : graph_.consumers(value)) {
      if (reader == previous) continue;  // it was listed once for each use
      previous = reader;
      const Graph::Node& node = graph_.nodes[index(reader)];
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != value) continue;
        std::string why =
            std::visit([&](const auto& op) { return read(op, node, reader, i, lack); }, node.op);
        if (!why.empty()) return why;
      }
    }
    return {};
  }

  std::vector<Gain> gains{};

 private:
  const Shape& shape(ValueId value) const { return graph_.values[index(value)].shape; }

  std::string read(const ops::Conv2dOp& op, const Graph::Node& node, int n, std::size_t input,
                   const Channels& lack) {
    if (input == 1) {  // a residual: the bias is added to it, whatever the padding
      gains.push_back({n, lack});
      return {};
    }
    // Padding is zero before and after, while the pixels inside lack something: the border would differ.
    if (pads(op.window)) return fmt::format("'{}' pads it", node.name);
    return multiply(op, node, n, lack);
  }
  std::string read(const ops::LinearOp& op, const Graph::Node& node, int n, std::size_t,
                   const Channels& lack) {
    return multiply(op, node, n, lack);
  }

  template <class Op>
  std::string multiply(const Op& op, const Graph::Node& node, int n, const Channels& lack) {
    const detail::WeightLayout w = detail::layout_of(op, shape(node.inputs[0]));
    Gain gain{n, Channels(index(w.rows), 0.0)};
    for (std::int64_t r = 0; r < w.rows; ++r)
      for (std::int64_t c = 0; c < w.columns; ++c)
        for (std::int64_t t = 0; t < w.taps; ++t)
          gain.bias[index(r)] +=
              static_cast<double>(op.weight.data[w.at(r, c) + index(t)]) * lack[index(w.channel(r, c))];
    gains.push_back(std::move(gain));
    return {};
  }

  std::string read(const ops::ScaleShiftOp& op, const Graph::Node&, int n, std::size_t,
                   const Channels& lack) {
    Gain gain{n, lack};
    for (std::size_t c = 0; c < lack.size(); ++c)
      gain.bias[c] *= static_cast<double>(op.scale[op.scale.size() == 1 ? 0 : c]);
    gains.push_back(std::move(gain));
    return {};
  }
  std::string read(const ops::AddOp& op, const Graph::Node& node, int, std::size_t, const Channels& lack) {
    if (!op.activation.is_identity()) return fmt::format("'{}' limits a sum with it", node.name);
    return follow(node.output, lack);
  }
  // What is largest stays largest, and padding is never it.
  std::string read(const ops::MaxPoolOp&, const Graph::Node& node, int, std::size_t, const Channels& lack) {
    return follow(node.output, lack);
  }
  std::string read(const ops::AveragePoolOp& op, const Graph::Node& node, int, std::size_t,
                   const Channels& lack) {
    if (op.count_include_pad && pads(op.window)) return fmt::format("'{}' pads it", node.name);
    return follow(node.output, lack);
  }
  std::string read(const ops::GlobalAveragePoolOp&, const Graph::Node& node, int, std::size_t,
                   const Channels& lack) {
    return follow(node.output, lack);
  }
  std::string read(const ops::FlattenOp&, const Graph::Node& node, int, std::size_t, const Channels& lack) {
    Channels flat;
    for (const std::int64_t channel : maps_[index(node.inputs[0])].of_elements(shape(node.inputs[0])))
      flat.push_back(lack[index(channel)]);
    return follow(node.output, flat);
  }
  template <class Op>
  std::string read(const Op&, const Graph::Node& node, int, std::size_t, const Channels&) {
    return fmt::format("'{}' ({}) lets no constant through", node.name, Op::kName);
  }

  const Graph& graph_;
  std::vector<detail::ChannelMap> maps_;
};

/// What channels of a value behind a ReLU hardly ever fall below; empty: none is above zero.
Channels least_values(const ChannelStats::Value& stats, double deviations) {
  Channels least(stats.mean.size(), 0.0);
  bool any = false;
  for (std::size_t c = 0; c < least.size(); ++c) {
    const double variance = stats.squares[c] - stats.mean[c] * stats.mean[c];
    least[c] = std::max(0.0, stats.mean[c] - deviations * std::sqrt(std::max(variance, 0.0)));
    any = any || least[c] > 0;
  }
  return any ? least : Channels{};
}

bool is_relu(const ops::Activation& a) {
  return a.lo == 0.0f && a.hi == std::numeric_limits<float>::infinity();
}

/// The bias of Conv2d and Linear, the shift of ScaleShift; null: there is none.
std::vector<float>* bias_of(Graph::Node& node, std::size_t channels) {
  return std::visit(
      [&](auto& op) -> std::vector<float>* {
        if constexpr (requires { op.bias; }) {
          op.bias.resize(channels, 0.0f);
          return &op.bias;
        } else if constexpr (requires { op.shift; }) {
          if (op.shift.size() == 1) op.shift.resize(channels, op.shift.front());
          return &op.shift;
        } else {
          return nullptr;
        }
      },
      node.op);
}

void add_to_bias(Graph::Node& node, const Channels& more, double sign) {
  std::vector<float>& bias = *bias_of(node, more.size());
  for (std::size_t c = 0; c < more.size(); ++c)
    bias[c] = static_cast<float>(static_cast<double>(bias[c]) + sign * more[c]);
}

bool ends_in_relu(const Graph::Node& node) {
  return std::visit(
      [](const auto& op) {
        if constexpr (
            requires { op.shift.size(), op.activation; } || requires { op.bias.size(), op.activation; })
          return is_relu(op.activation);
        else
          return false;
      },
      node.op);
}

}  // namespace

Model absorb_biases(const Model& fp32, const ChannelStats& stats, const AbsorbOptions& options,
                    AbsorbReport* report) {
  detail::require_fp32_weights(fp32, "absorption of biases");
  detail::check_stats(stats, fp32.graph());
  detail::ModelData data = fp32.data();
  Graph& graph = data.graph;
  AbsorbReport said;
  for (Graph::Node& node : graph.nodes) {
    if (!ends_in_relu(node)) continue;
    const Channels least = least_values(stats.values[index(node.output)], options.deviations);
    if (least.empty()) continue;
    const std::string& name = graph.values[index(node.output)].name;
    Walk walk(graph);
    const std::string why = walk.follow(node.output, least);
    if (!why.empty()) {
      said.left.push_back(fmt::format("'{}': {}", name, why));
      continue;
    }
    add_to_bias(node, least, -1);
    for (const Walk::Gain& gain : walk.gains) add_to_bias(graph.nodes[index(gain.node)], gain.bias, 1);
    said.absorbed.push_back(name);
  }
  if (report) *report = std::move(said);
  return Model(std::move(data));
}

}  // namespace lowbit
