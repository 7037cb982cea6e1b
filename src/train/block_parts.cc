// SPDX-License-Identifier: Apache-2.0
#include "train/block_parts.h"

#include <map>
#include <string>

#include "lowbit/core/error.h"
#include "recover/index.h"

namespace lowbit::train {
namespace {

using lowbit::detail::index;

struct Cut {
  std::size_t position;  ///< in front of this node
  ValueId value;         ///< the only one that nodes from there on read
};

void check_ends(const Graph& graph) {
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1 ||
      graph.values[index(graph.inputs[0])].element != ElementType::f32)
    throw Error(ErrorCode::unsupported,
                "block reconstruction needs a network with one input, of floats, and one output");
}

/// By the name of the value in the fp32 network. Of several cuts at one value the last.
std::map<std::string, Cut> cuts_of(const Graph& graph) {
  std::vector<std::size_t> last_read(graph.values.size(), 0);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (const ValueId id : graph.nodes[n].inputs) last_read[index(id)] = n + 1;
  for (const ValueId id : graph.outputs) last_read[index(id)] = graph.nodes.size() + 1;
  std::map<std::string, Cut> cuts;
  std::vector<ValueId> live{graph.inputs[0]};
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    live.push_back(graph.nodes[n].output);
    std::erase_if(live, [&](ValueId id) { return last_read[index(id)] <= n + 1; });
    if (live.size() != 1) continue;
    const std::string& name = graph.values[index(live[0])].name;
    cuts[name.substr(0, name.find(kBeforeCodes))] = {n + 1, live[0]};
  }
  return cuts;
}

bool has_codes(const Model& quantized, const QuantizedGraph& graph, const GraphPart& part) {
  for (std::size_t n = part.first; n < part.last; ++n)
    if (graph.nodes[n] >= 0 && quantized.quantization(graph.nodes[n]).weights) return true;
  return false;
}

}  // namespace

std::vector<Block> cut_blocks(const Model& fp32, const Model& quantized, const QuantizedGraph& graph) {
  check_ends(graph.graph);
  check_ends(fp32.graph());
  const std::map<std::string, Cut> floats = cuts_of(fp32.graph()), codes = cuts_of(graph.graph);
  std::map<std::size_t, std::pair<Cut, Cut>> shared;  // by the place in `graph`
  for (const auto& [name, cut] : codes)
    if (const auto other = floats.find(name); other != floats.end())
      shared.insert({cut.position, {other->second, cut}});
  std::vector<Block> blocks;
  Cut fp32_from{0, fp32.graph().inputs[0]}, codes_from{0, graph.graph.inputs[0]};
  for (const auto& [position, cut] : shared) {
    const auto& [fp32_to, codes_to] = cut;
    if (fp32_to.position <= fp32_from.position) continue;
    Block block{{fp32_from.position, fp32_to.position, fp32_from.value, fp32_to.value},
                {codes_from.position, codes_to.position, codes_from.value, codes_to.value}};
    if (!blocks.empty() && !has_codes(quantized, graph, block.quantized)) {
      blocks.back().fp32.last = block.fp32.last, blocks.back().fp32.output = block.fp32.output;
      blocks.back().quantized.last = block.quantized.last;
      blocks.back().quantized.output = block.quantized.output;
    } else {
      blocks.push_back(block);
    }
    fp32_from = fp32_to, codes_from = codes_to;
  }
  return blocks;
}

PartGraph part_graph(const Graph& graph, const std::vector<ValueType>& types, const GraphPart& part) {
  PartGraph result;
  std::map<ValueId, ValueId> ids;
  const auto add = [&](ValueId id) {
    const Graph::Value& value = graph.values[index(id)];
    const ValueId made = result.graph.add_value(value.name, value.shape);
    result.graph.values.back().element = value.element;
    result.types.push_back(types[index(id)]);
    ids[id] = made;
    return made;
  };
  result.graph.inputs = {add(part.input)};
  for (std::size_t n = part.first; n < part.last; ++n) {
    const Graph::Node& node = graph.nodes[n];
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(ids.at(id));
    const ValueId output = add(node.output);
    result.graph.nodes.push_back({node.name, node.op, std::move(inputs), output});
  }
  result.graph.outputs = {ids.at(part.output)};
  return result;
}

}  // namespace lowbit::train
