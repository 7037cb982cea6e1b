// SPDX-License-Identifier: Apache-2.0
#include "model/runtime_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "layers/epilogue_terms.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/effective.h"

namespace lowbit {
namespace {

const ValueType& type_of(const detail::ModelData& data, ValueId id) {
  return data.types[static_cast<std::size_t>(id)];
}

/// A node that multiplies codes by integers with one scale for each row.
bool is_integer_product(const detail::ModelData& data, const Graph::Node& node, const NodeQuantization& q) {
  return ops::has_weights(node.op) && q.weights && type_of(data, node.inputs[0]).dtype == DType::u8 &&
         q.weights->groups() == 1 && q.weights->planes() == 1 && q.weights->offsets.empty();
}

Range reals_of(const ValueType& type) {
  const auto real = [&](std::int32_t code) {
    return type.qparams.scale * static_cast<float>(code - type.qparams.zero_point);
  };
  return {real(type.codes().qmin), real(type.codes().qmax)};
}

}  // namespace

QParams summand_qparams(const ValueType& sum, const ValueType& added) {
  const Range s = reals_of(sum), a = reals_of(added);
  return choose_qparams({std::min(s.min - a.max, 0.0f), std::max(s.max - a.min, 0.0f)}, unsigned_range(8));
}

void round_biases(detail::ModelData& data) {
  constexpr double kMost = 2147483647.0;  // of an int32
  for (std::size_t i = 0; i < data.graph.nodes.size(); ++i) {
    Graph::Node& node = data.graph.nodes[i];
    if (!is_integer_product(data, node, data.nodes[i])) continue;
    const EffectiveWeights weights(*data.nodes[i].weights, kernels::ActType::u8);
    const std::vector<float> steps =
        steps_of_sums(static_cast<std::size_t>(weights.matrix().rows),
                      type_of(data, node.inputs[0]).qparams.scale, weights.column_scales(), weights.units());
    const bool gives_codes = type_of(data, node.output).dtype == DType::u8;
    const auto round = [&](std::vector<float>& bias) {
      if (bias.empty() && gives_codes) bias.assign(steps.size(), 0.0f);
      for (std::size_t j = 0; j < bias.size(); ++j) {
        const double number = std::nearbyint(static_cast<double>(bias[j]) / static_cast<double>(steps[j]));
        if (std::fabs(number) <= kMost) bias[j] = static_cast<float>(number) * steps[j];
      }
    };
    if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op)) round(conv->bias);
    if (auto* linear = std::get_if<ops::LinearOp>(&node.op)) round(linear->bias);
  }
}

void round_sums(detail::ModelData& data) {
  std::vector<Graph::Node> nodes;
  std::vector<NodeQuantization> quantization;
  for (std::size_t i = 0; i < data.graph.nodes.size(); ++i) {
    Graph::Node& node = nodes.emplace_back(std::move(data.graph.nodes[i]));
    const Scheme scheme = quantization.emplace_back(std::move(data.nodes[i])).scheme;
    auto* conv = std::get_if<ops::Conv2dOp>(&node.op);
    const auto is_coded = [&](ValueId id) { return type_of(data, id).dtype == DType::u8; };
    if (!conv || node.inputs.size() != 2 || !is_coded(node.inputs[0]) || !is_coded(node.inputs[1]) ||
        !is_coded(node.output))
      continue;
    const ValueId sum = node.output, added = node.inputs[1];
    ValueType product = type_of(data, sum);
    product.qparams = summand_qparams(product, type_of(data, added));
    product.bits = 8;
    Graph::Node add;
    add.name = node.name + ":add";
    add.op = ops::AddOp{std::exchange(conv->activation, {})};
    node.output = data.graph.add_value(data.graph.values[static_cast<std::size_t>(sum)].name + ":product",
                                       product.shape);
    data.types.push_back(product);
    node.inputs.pop_back();
    add.inputs = {node.output, added};
    add.output = sum;
    nodes.push_back(std::move(add));
    quantization.emplace_back().scheme = scheme;
  }
  data.graph.nodes = std::move(nodes);
  data.nodes = std::move(quantization);
}

}  // namespace lowbit
