// SPDX-License-Identifier: Apache-2.0
#include "model/model_part.h"

#include <algorithm>
#include <utility>

#include "model/compiled_model.h"

namespace lowbit {
namespace {

class Cutter {
 public:
  Cutter(const Model& whole, std::size_t first, std::size_t last, const NodeChange& change)
      : whole_(whole), ids_(whole.graph().values.size(), -1) {
    data_.scheme = whole.scheme();
    for (std::size_t i = first; i < last; ++i) add(static_cast<int>(i), change);
    const std::vector<int> uses = last_uses(whole.graph());
    for (std::size_t i = first; i < last; ++i) {
      const ValueId id = whole.graph().nodes[i].output;
      if (uses[static_cast<std::size_t>(id)] < static_cast<int>(last)) continue;
      outputs_.push_back(id);
      data_.graph.outputs.push_back(ids_[static_cast<std::size_t>(id)]);
    }
  }

  ModelPart part() && { return {Model(std::move(data_)), std::move(inputs_), std::move(outputs_)}; }

 private:
  ValueId add_value(ValueId id) {
    const Graph::Value& value = whole_.graph().values[static_cast<std::size_t>(id)];
    data_.types.push_back(whole_.type(id));
    const ValueId own = data_.graph.add_value(value.name, value.shape);
    data_.graph.values.back().element = value.element;
    return ids_[static_cast<std::size_t>(id)] = own;
  }

  void add(int i, const NodeChange& change) {
    Graph::Node node = whole_.graph().nodes[static_cast<std::size_t>(i)];
    for (ValueId& id : node.inputs) {
      if (ids_[static_cast<std::size_t>(id)] < 0) {
        inputs_.push_back(id);
        data_.graph.inputs.push_back(add_value(id));
      }
      id = ids_[static_cast<std::size_t>(id)];
    }
    node.output = add_value(node.output);
    NodeQuantization quantization = whole_.quantization(i);
    if (quantization.weights) quantization.weights = whole_.weights(i);
    if (change) change(i, node.op, quantization);
    data_.graph.nodes.push_back(std::move(node));
    data_.nodes.push_back(std::move(quantization));
  }

  const Model& whole_;
  detail::ModelData data_{};
  std::vector<ValueId> ids_, inputs_{}, outputs_{};
};

}  // namespace

ModelPart model_part(const Model& whole, std::size_t first, std::size_t last, const NodeChange& change) {
  return Cutter(whole, first, last, change).part();
}

std::vector<int> last_uses(const Graph& graph) {
  std::vector<int> last(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    last[static_cast<std::size_t>(graph.nodes[i].output)] = static_cast<int>(i);
    for (const ValueId id : graph.nodes[i].inputs) last[static_cast<std::size_t>(id)] = static_cast<int>(i);
  }
  return last;
}

}  // namespace lowbit
