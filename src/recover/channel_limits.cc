// SPDX-License-Identifier: Apache-2.0
#include "recover/channel_limits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "layers/activation_of.h"
#include "recover/channel_maps.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

using Bound = float ops::Activation::*;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Bounds that are the same in any channel.
bool is_free(float bound) {
  return bound == 0.0f || std::isinf(bound);
}

/// One end of an activation, and what limits it in each channel.
struct End {
  Bound bound;
  ops::BinaryFunction limit;
  float none;
  float wider(float a, float b) const { return none > 0 ? std::max(a, b) : std::min(a, b); }
};
constexpr End kEnds[] = {{&ops::Activation::hi, ops::BinaryFunction::min, kInfinity},
                         {&ops::Activation::lo, ops::BinaryFunction::max, -kInfinity}};

class Limiter {
 public:
  Limiter(Graph& graph, const Graph& original, const Factors& factors)
      : graph_(graph), original_(original), factors_(factors), maps_(channel_maps(original)) {}

  void run() {
    nodes_ = graph_.nodes;
    graph_.nodes.clear();
    for (Graph::Node node : nodes_) {
      const ValueId value = node.output;
      std::vector<Graph::Node> limits;
      if (ops::Activation* activation = ops::activation_of(node.op))
        for (const End& end : kEnds) limit(node, *activation, value, end, limits);
      graph_.nodes.push_back(std::move(node));
      for (Graph::Node& limit : limits) graph_.nodes.push_back(std::move(limit));
    }
  }

 private:
  void limit(Graph::Node& node, ops::Activation& activation, ValueId value, const End& end,
             std::vector<Graph::Node>& limits) {
    float& bound = activation.*end.bound;
    if (is_free(bound)) return;
    const std::vector<float> bounds = bounds_of(value, bound);
    // Its reader limits channels already, where an earlier choice of factors took that.
    if (const int behind = limited_by(value, end, bound); behind >= 0) {
      bound = widest(std::get<ops::BinaryOp>(nodes_[index(behind)].op).constant.data, end);
      return;
    }
    bound = widest(bounds, end);
    if (std::all_of(bounds.begin(), bounds.end(), [&](float b) { return b == bound; })) return;
    // The value is now what the last limit computes.
    Graph::Node& last = limits.empty() ? node : limits.back();
    const Graph::Value& old = graph_.values[index(value)];
    const std::string name = old.name + (end.none > 0 ? ":below" : ":above");
    const Shape shape = old.shape;
    last.output = graph_.add_value(name, shape);
    limits.push_back(
        {name,
         ops::BinaryOp{.function = end.limit, .constant = along_channels(maps_[index(value)], shape, bounds)},
         {last.output},
         value});
  }

  /// The node behind a value of the original graph that keeps it inside the bound in any channel; -1: none.
  int limited_by(ValueId value, const End& end, float bound) const {
    while (true) {
      const std::vector<int> readers = original_.consumers(value);
      if (readers.size() != 1 || original_.is_output(value)) return -1;
      const Graph::Node& reader = original_.nodes[index(readers[0])];
      const auto* op = std::get_if<ops::BinaryOp>(&reader.op);
      if (!op || op->constant.data.empty()) return -1;
      if (op->function == end.limit) {
        const bool inside = end.wider(widest(op->constant.data, end), bound) == bound;
        return inside ? readers[0] : -1;
      }
      if (op->function != ops::BinaryFunction::min && op->function != ops::BinaryFunction::max) return -1;
      value = reader.output;
    }
  }

  std::vector<float> bounds_of(ValueId value, float bound) const {
    std::vector<float> bounds;
    for (std::int64_t c = 0; c < maps_[index(value)].channels; ++c)
      bounds.push_back(static_cast<float>(static_cast<double>(bound) / factors_.of(value, c)));
    return bounds;
  }

  static float widest(const std::vector<float>& bounds, const End& end) {
    float most = -end.none;
    for (const float b : bounds) most = end.wider(most, b);
    return most;
  }

  Graph& graph_;
  const Graph& original_;
  const Factors& factors_;
  std::vector<ChannelMap> maps_;
  std::vector<Graph::Node> nodes_{};  ///< of the graph, before limits
};

}  // namespace

void limit_channels(Graph& graph, const Graph& original, const Factors& factors) {
  Limiter(graph, original, factors).run();
}

}  // namespace lowbit::detail
