// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "lowbit/layers/ops.h"
#include "model/node_schemes.h"
#include "search/cost_study.h"

namespace lowbit::detail {

std::vector<CostTable::Conversion> find_conversions(const Mixtures& mixtures) {
  const Model& fp32 = mixtures.fp32();
  const Graph& graph = fp32.graph();
  const std::vector<NodePlan> plans =
      plan_nodes(graph, std::vector<Scheme>(graph.nodes.size(), mixtures.rest()));
  std::map<int, int> layer_of;
  for (std::size_t l = 0; l < mixtures.layers().size(); ++l)
    layer_of[mixtures.layers()[l].node] = static_cast<int>(l);
  std::vector<CostTable::Conversion> conversions;
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    const auto id = static_cast<ValueId>(v);
    if (fp32.type(id).dtype != DType::f32) continue;
    CostTable::Conversion value{.value = graph.values[v].name};
    const auto runs_as_codes = [&](int node) {
      return plans[static_cast<std::size_t>(node)].mode == NodePlan::Mode::static_u8;
    };
    if (const int producer = graph.producer(id); producer >= 0) {
      if (const auto layer = layer_of.find(producer); layer != layer_of.end())
        value.producer = layer->second;
      else
        value.made_as_codes = runs_as_codes(producer);
    }
    value.read_as_floats = graph.is_output(id);
    for (const int reader : graph.consumers(id)) {
      const Graph::Node& node = graph.nodes[static_cast<std::size_t>(reader)];
      bool reals = false;
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        reals = reals || (node.inputs[i] == id && ops::reads_reals(node.op, i));
      if (const auto layer = layer_of.find(reader); layer != layer_of.end())
        value.readers.push_back(layer->second);
      else
        (runs_as_codes(reader) && !reals ? value.read_as_codes : value.read_as_floats) = true;
    }
    conversions.push_back(std::move(value));
  }
  return conversions;
}

}  // namespace lowbit::detail
