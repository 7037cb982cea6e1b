// SPDX-License-Identifier: Apache-2.0
#include "train/quantized_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/effective.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

class Converter {
 public:
  /// Without `fp32`, weights are those of codes.
  Converter(const Model* fp32, const Model& quantized) : fp32_(fp32), quantized_(quantized) {
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
  static std::size_t at64(std::int64_t i) { return static_cast<std::size_t>(i); }

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
                ValueId codes = -1, const SignInput& signs = {}) {
    result_.graph.nodes.push_back({std::move(name), std::move(op), std::move(inputs), output});
    result_.nodes.push_back(node);
    result_.fp32_nodes.push_back(node < 0 ? -1 : fp32_node_);
    result_.codes_of.push_back(codes);
    result_.codes.push_back(codes < 0 ? ValueType{} : quantized_.type(codes));
    result_.signs.push_back(signs);
  }

  void convert_node(int n) {
    const Graph::Node& node = quantized_.graph().nodes[at(n)];
    fp32_node_ = next_fp32_node(node);
    const NodeQuantization& q = quantized_.quantization(n);
    const bool reads_signs = q.weights && q.scheme.activation_bits == 1;
    if (q.weights && q.scheme.dynamic && !reads_signs)
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
      ops::Op op = with_weights(n);
      if (reads_signs) inputs[0] = add_signs(n, op, inputs[0]);
      add_node(node.name, std::move(op), std::move(inputs), made, n);
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

  /// A value of the signs that node n reads; the padding of its window becomes a border of them.
  ValueId add_signs(int n, ops::Op& op, ValueId from) {
    const Graph::Node& node = quantized_.graph().nodes[at(n)];
    SignInput signs{.layer = n, .is_dynamic = quantized_.quantization(n).scheme.dynamic};
    ValueType type = result_.types[at(from)];
    if (auto* conv = std::get_if<ops::Conv2dOp>(&op))
      pad(*conv, quantized_.type(node.output).layout(), type, signs);
    else
      signs.of_rows = !std::get<ops::LinearOp>(op).flattens_input;
    if (!signs.is_dynamic) signs.scale = sign_scale(n, *ops::weight_of(op));
    const std::string name = node.name + ":signs";
    const ValueId made = result_.graph.add_value(name, type.shape);
    result_.types.push_back(type);
    add_node(name, ops::QuantizeOp{}, {from}, made, -1, -1, signs);
    return made;
  }

  static void pad(ops::Conv2dOp& conv, const SampleLayout& out, ValueType& type, SignInput& signs) {
    ops::Window& w = conv.window;
    const SampleLayout in = type.layout();
    const auto behind = [&](std::size_t axis, std::int64_t outputs, std::int64_t inputs) {
      const std::int64_t reach = (outputs - 1) * w.stride[axis] + (w.kernel[axis] - 1) * w.dilation[axis] + 1;
      return std::max<std::int64_t>(0, reach - w.pad[axis] - inputs);
    };
    signs.pad = {w.pad[0], w.pad[1], behind(0, out.height, in.height), behind(1, out.width, in.width)};
    w.pad = {0, 0, 0, 0};
    type.shape =
        Shape{in.channels, in.height + signs.pad[0] + signs.pad[2], in.width + signs.pad[1] + signs.pad[3]};
  }

  /// What the scales of a layer have in them besides the mean magnitude of their row.
  float sign_scale(int n, const Tensor& weight) {
    const std::vector<float>& scales = codes_of(n).scales;
    const std::int64_t row = weight.shape.elements() / weight.shape[0];
    double sum = 0;
    for (std::int64_t i = 0; i < row; ++i) sum += std::fabs(static_cast<double>(weight.data[at64(i)]));
    const auto scale = static_cast<float>(static_cast<double>(scales[0]) * static_cast<double>(row) / sum);
    return std::isnormal(scale) ? scale : 1.0f;
  }

  /// Whether the output has codes that are not those of the input.
  bool makes_codes(const Graph::Node& node) const {
    const ValueType& type = quantized_.type(node.output);
    return type.dtype == DType::u8 && ops::op_arithmetic(node.op) != ops::Arithmetic::movement;
  }

  /// Nodes keep their order; others stand between them.
  int next_fp32_node(const Graph::Node& node) {
    if (!fp32_) return -1;
    const std::vector<Graph::Node>& nodes = fp32_->graph().nodes;
    const bool is_next = at(seen_) < nodes.size() && nodes[at(seen_)].name == node.name &&
                         nodes[at(seen_)].op.index() == node.op.index();
    return is_next ? seen_++ : -1;
  }

  const QuantizedMatrix& codes_of(int n) {
    if (!complete_) complete_ = quantized_.complete_data();
    return *complete_->nodes[at(n)].weights;
  }

  /// In the order of the shape, what the kernel of node n multiplies by.
  Tensor weights_of_codes(int n, const Shape& shape) {
    const int bits = quantized_.quantization(n).scheme.activation_bits;
    const kernels::ActType act = bits == 0   ? kernels::ActType::f32
                                 : bits == 1 ? kernels::ActType::b1
                                             : kernels::ActType::u8;
    const QuantizedMatrix matrix = effective_weights(codes_of(n), act);
    const std::vector<std::int64_t> order = column_order(shape);
    Tensor weights(shape);
    std::vector<float> row(order.size());
    for (std::int64_t r = 0; r < matrix.rows; ++r) {
      dequantize_row(matrix, r, row);
      for (std::size_t c = 0; c < order.size(); ++c) weights.data[at64(r * matrix.cols + order[c])] = row[c];
    }
    return weights;
  }

  Tensor floats_of(int n, const Shape& shape) {
    if (!fp32_) return weights_of_codes(n, shape);
    const Tensor* floats = fp32_node_ < 0 ? nullptr : ops::weight_of(fp32_->graph().nodes[at(fp32_node_)].op);
    if (!floats || floats->data.empty() || !(floats->shape == shape))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("the quantized model was not made of this network: it has no layer \"{}\" with {} "
                      "weights",
                      quantized_.graph().nodes[at(n)].name, shape.to_string()));
    return *floats;
  }

  ops::Op with_weights(int n) {
    ops::Op op = quantized_.graph().nodes[at(n)].op;
    const Tensor* weight = ops::weight_of(op);
    if (!weight || !weight->data.empty()) return op;
    Tensor floats = floats_of(n, weight->shape);
    std::visit(
        [&](auto& layer) {
          if constexpr (requires { layer.weight; }) layer.weight = std::move(floats);
        },
        op);
    return op;
  }

  const Model* fp32_;  ///< or null
  const Model& quantized_;
  std::optional<detail::ModelData> complete_{};  ///< of the quantized model, where scales are asked for
  int seen_ = 0, fp32_node_ = -1;                ///< nodes of the fp32 model so far; that of the node at hand
  std::vector<ValueId> values_;                  ///< per value of the quantized model
  QuantizedGraph result_;
};

}  // namespace

std::unique_ptr<TapeNode> make_rounding(const QuantizedGraph& graph, std::size_t n, const NodeSpec& spec) {
  if (graph.codes_of[n] < 0) return make_sign_activation(graph.signs[n], spec);
  return make_fake_quantize(graph.codes[n], spec);
}

QuantizedGraph quantized_graph(const Model& fp32, const Model& quantized) {
  return Converter(&fp32, quantized).convert();
}

QuantizedGraph quantized_graph(const Model& quantized) {
  return Converter(nullptr, quantized).convert();
}

}  // namespace lowbit::train
