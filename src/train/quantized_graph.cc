// SPDX-License-Identifier: Apache-2.0
#include "train/quantized_graph.h"

#include <fmt/format.h>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"

namespace lowbit::train {
namespace {

class Converter {
 public:
  Converter(const Model& fp32, const Model& quantized) : fp32_(fp32), quantized_(quantized) {
    result_.graph.has_batch = quantized.graph().has_batch;
  }

  QuantizedGraph convert() {
    const Graph& from = quantized_.graph();
    values_.assign(from.values.size(), -1);
    for (const ValueId id : from.inputs) {
      values_[at(id)] = add_value(id);
      result_.graph.inputs.push_back(values_[at(id)]);
    }
    for (std::size_t n = 0; n < from.nodes.size(); ++n) convert_node(static_cast<int>(n));
    for (const ValueId id : from.outputs) result_.graph.outputs.push_back(values_[at(id)]);
    return std::move(result_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  ValueId add_value(ValueId old, const char* ending = "") {
    const Graph::Value& value = quantized_.graph().values[at(old)];
    ValueType type = quantized_.type(old);
    if (type.dtype == DType::rows)
      throw Error(ErrorCode::unsupported,
                  fmt::format("\"{}\" is a cache in codes, which cannot be trained", value.name));
    if (type.dtype == DType::u8) type = {type.shape, DType::f32, {}, 8};
    result_.types.push_back(type);
    const ValueId id = result_.graph.add_value(value.name + ending, value.shape);
    result_.graph.values.back().element = value.element;
    return id;
  }

  void add_node(std::string name, ops::Op op, std::vector<ValueId> inputs, ValueId output, int node,
                ValueId codes = -1) {
    result_.graph.nodes.push_back({std::move(name), std::move(op), std::move(inputs), output});
    result_.nodes.push_back(node);
    result_.fp32_nodes.push_back(node < 0 ? -1 : fp32_node_);
    result_.codes_of.push_back(codes);
    result_.codes.push_back(codes < 0 ? ValueType{} : quantized_.type(codes));
  }

  void convert_node(int n) {
    const Graph::Node& node = quantized_.graph().nodes[at(n)];
    fp32_node_ = next_fp32_node(node);
    const NodeQuantization& q = quantized_.quantization(n);
    if (q.weights && (q.scheme.dynamic || q.scheme.activation_bits == 1))
      throw Error(ErrorCode::unsupported,
                  fmt::format("\"{}\" cannot be trained as {}: its activations have no ranges of their own",
                              node.name, q.name()));
    if (q.weights && !ops::has_weights(node.op))
      throw Error(ErrorCode::unsupported, fmt::format("\"{}\" cannot be trained for codes: it is {}",
                                                      node.name, ops::shown_name(node.op)));
    if (std::holds_alternative<ops::DequantizeOp>(node.op)) {
      values_[at(node.output)] = values_[at(node.inputs[0])];
      return;
    }
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(values_[at(id)]);
    ValueId made = -1;
    if (std::holds_alternative<ops::QuantizeOp>(node.op)) {
      made = inputs[0];
    } else {
      const bool becomes_codes = makes_codes(node);
      made = add_value(node.output, becomes_codes ? kBeforeCodes : "");
      add_node(node.name, with_weights(node), std::move(inputs), made, n);
      if (!becomes_codes) {
        values_[at(node.output)] = made;
        return;
      }
    }
    const ValueId codes = add_value(node.output);
    add_node(quantized_.graph().values[at(node.output)].name, ops::QuantizeOp{}, {made}, codes, -1,
             node.output);
    values_[at(node.output)] = codes;
  }

  /// Whether the output has codes that are not those of the input.
  bool makes_codes(const Graph::Node& node) const {
    const ValueType& type = quantized_.type(node.output);
    return type.dtype == DType::u8 && ops::op_arithmetic(node.op) != ops::Arithmetic::movement;
  }

  /// Nodes keep their order; others stand between them.
  int next_fp32_node(const Graph::Node& node) {
    const std::vector<Graph::Node>& nodes = fp32_.graph().nodes;
    const bool is_next = at(seen_) < nodes.size() && nodes[at(seen_)].name == node.name &&
                         nodes[at(seen_)].op.index() == node.op.index();
    return is_next ? seen_++ : -1;
  }

  ops::Op with_weights(const Graph::Node& node) const {
    const Tensor* weight = ops::weight_of(node.op);
    if (!weight || !weight->data.empty()) return node.op;
    const Tensor* floats = fp32_node_ < 0 ? nullptr : ops::weight_of(fp32_.graph().nodes[at(fp32_node_)].op);
    if (!floats || floats->data.empty() || !(floats->shape == weight->shape))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("the quantized model was not made of this network: it has no layer \"{}\" with {} "
                      "weights",
                      node.name, weight->shape.to_string()));
    ops::Op op = node.op;
    std::visit(
        [&](auto& layer) {
          if constexpr (requires { layer.weight; }) layer.weight = *floats;
        },
        op);
    return op;
  }

  const Model &fp32_, &quantized_;
  int seen_ = 0, fp32_node_ = -1;  ///< nodes of the fp32 model so far; that of the node at hand
  std::vector<ValueId> values_;    ///< per value of the quantized model
  QuantizedGraph result_;
};

}  // namespace

QuantizedGraph quantized_graph(const Model& fp32, const Model& quantized) {
  return Converter(fp32, quantized).convert();
}

}  // namespace lowbit::train
