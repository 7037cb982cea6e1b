// SPDX-License-Identifier: Apache-2.0
#include "train/trained_codes.h"

#include <optional>
#include <utility>
#include <variant>

#include "core/free_memory.h"
#include "recover/index.h"

namespace lowbit::train {
namespace {

using lowbit::detail::index;

/// The codes replace the floats; the shape stays.
void free_memory_of_weights(ops::Op& op) {
  std::visit(
      [](auto& layer) {
        if constexpr (requires { layer.weight; }) free_memory(layer.weight.data);
      },
      op);
}

}  // namespace

TrainedCodes::TrainedCodes(const Model& quantized, const QuantizedGraph& graph)
    : graph_(graph), data_(quantized.complete_data()) {}

void TrainedCodes::take(std::size_t n, const TapeNode& node) {
  if (std::holds_alternative<ops::QuantizeOp>(graph_.graph.nodes[n].op)) {
    if (graph_.codes_of[n] < 0) {
      sign_scales_[graph_.signs[n].layer] = static_cast<const SignActivation&>(node).scale();
      return;
    }
    qparams_[graph_.codes_of[n]] = static_cast<const FakeQuantize&>(node).qparams();
    return;
  }
  const std::size_t to = index(graph_.nodes[n]);
  node.update(data_.graph.nodes[to].op);
  if (std::optional<QuantizedMatrix> matrix = node.codes()) {
    if (const auto scale = sign_scales_.find(graph_.nodes[n]); scale != sign_scales_.end())
      for (float& s : matrix->scales) s *= scale->second;
    data_.nodes[to].weights = std::move(matrix);
    free_memory_of_weights(data_.graph.nodes[to].op);
  }
}

Model TrainedCodes::model() && {
  for (const auto& [id, qparams] : qparams_) data_.types[index(id)].qparams = qparams;
  // What only moves codes has those of its input.
  for (const Graph::Node& node : data_.graph.nodes)
    if (data_.types[index(node.output)].dtype == DType::u8 && !qparams_.contains(node.output))
      data_.types[index(node.output)].qparams = data_.types[index(node.inputs[0])].qparams;
  return Model(std::move(data_));
}

}  // namespace lowbit::train
