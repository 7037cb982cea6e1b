// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear: a pair of them around codes that nobody else reads says how a value is
// quantized; DequantizeLinear of constants are weights in codes.
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "io/onnx/array_node.h"
#include "io/onnx/node_context.h"
#include "io/onnx/registry.h"
#include "layers/activation_of.h"

namespace lowbit::onnx_import {
namespace {

/// Of both operators: one positive scale, and a zero point of 8 bits or none.
std::optional<QParams> value_qparams(const NodeContext& node) {
  if (!node.is_constant(1) || (node.has_input(2) && !node.is_constant(2))) return std::nullopt;
  const Constant& scale = node.constant(1);
  if (scale.is_integer || scale.size() != 1 || scale.element_type() != ElementType::f32) return std::nullopt;
  QParams result;
  result.scale = static_cast<float>(scale.doubles()[0]);
  if (!std::isnormal(result.scale) || result.scale < 0) return std::nullopt;
  if (!node.has_input(2))
    return node.int_attribute("output_dtype", 2) == 2 ? std::optional(result) : std::nullopt;
  const Constant& zero = node.constant(2);
  if (!zero.is_integer || zero.size() != 1) return std::nullopt;
  const ElementType element = zero.element_type();
  if (element != ElementType::u8 && element != ElementType::i8) return std::nullopt;
  result.zero_point = static_cast<std::int32_t>(zero.integers[0]) + (element == ElementType::i8 ? 128 : 0);
  return result;
}

/// What the scales of a constant in codes of 8 or 4 bits are; null for others.
std::shared_ptr<const ConstantCodes> codes_of(const NodeContext& node) {
  const Constant &codes = node.constant(0), &scale = node.constant(1);
  const ElementType element = codes.element_type();
  const bool is_signed = element == ElementType::i8 || element == ElementType::i4;
  if ((!is_signed && element != ElementType::u8 && element != ElementType::u4) || scale.is_integer ||
      scale.size() == 0)
    return nullptr;
  ConstantCodes result;
  result.is_signed = is_signed;
  result.bits = element_bits(element);
  result.block = node.int_attribute("block_size", 0);
  const auto rank = static_cast<std::int64_t>(codes.dims.size());
  if (scale.size() > 1)
    result.axis = static_cast<int>(normalized_axis(node, node.int_attribute("axis", 1), rank));
  if (result.block > 0) result.dims = scale.dims;
  result.scales.resize(scale.size());
  scale.read(0, std::span(result.scales));
  if (node.has_input(2))
    for (const std::int64_t zero : node.constant(2).integers)
      result.zero_points.push_back(static_cast<std::int32_t>(zero));
  if (!result.zero_points.empty() && result.zero_points.size() != result.scales.size()) return nullptr;
  return std::make_shared<const ConstantCodes>(std::move(result));
}

/// Of what no longer needs to be limited to zero.
bool is_not_negative(const ops::Op& op) {
  if (const auto* f = std::get_if<ops::FunctionOp>(&op))
    return f->function == ops::Function::sigmoid || f->function == ops::Function::hard_sigmoid;
  return std::holds_alternative<ops::SoftmaxOp>(op) || std::holds_alternative<ops::MaxPoolOp>(op) ||
         std::holds_alternative<ops::AveragePoolOp>(op) ||
         std::holds_alternative<ops::GlobalAveragePoolOp>(op);
}

/// What codes limit the value of input 0 to. Operators that can limit what they give do so at both ends: then
/// nothing that comes later is added before it. Elsewhere only codes that end at zero matter, which are a
/// ReLU that was left out. Quantizing an input of the graph limits it anyhow.
ops::Activation limits(const NodeContext& node, const QParams& qparams) {
  const ops::Op* op = node.producer(0);
  if (!op) return {};
  if (ops::activation_of(*op))
    return {static_cast<float>(-qparams.zero_point) * qparams.scale,
            static_cast<float>(255 - qparams.zero_point) * qparams.scale};
  if (qparams.zero_point != 0 || is_not_negative(*op)) return {};
  return {0.0f, ops::Activation{}.hi};
}

bool are_constants(const NodeContext& node) {
  for (int i = 0; i < node.input_count(); ++i)
    if (node.has_input(i) && !node.is_constant(i)) return false;
  return true;
}

void emit_dequantized(NodeContext& node) {
  std::vector<arrays::Array> arrays;
  std::vector<const arrays::Array*> inputs;
  arrays.reserve(static_cast<std::size_t>(node.input_count()));
  for (int i = 0; i < node.input_count(); ++i)
    inputs.push_back(node.has_input(i) ? &arrays.emplace_back(to_array(node.constant(i))) : nullptr);
  const auto read = [&](const onnx::TensorProto& tensor) { return to_array(node.read(tensor)); };
  std::vector<arrays::Array> outputs;
  try {
    outputs = apply(node.proto(), node.opset(), inputs, read);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::unsupported) node.refuse(e.what());
    node.reject(e.what());
  }
  Constant constant = to_constant(std::move(outputs.at(0)));
  constant.codes = codes_of(node);
  node.emit_constant(std::move(constant));
}

}  // namespace

bool convert_codes(NodeContext& node) {
  if (node.proto().op_type() == "DequantizeLinear" && are_constants(node)) {
    emit_dequantized(node);
    return true;
  }
  if (!node.has_input(0) || node.is_constant(0)) return false;
  const bool quantizes = node.proto().op_type() == "QuantizeLinear";
  if (!node.is_between_pair(quantizes ? node.proto().output(0) : node.proto().input(0))) return false;
  const std::optional<QParams> qparams = value_qparams(node);
  if (!qparams) return false;
  if (quantizes) node.note_value(0, *qparams);
  const ops::Activation limited = quantizes ? limits(node, *qparams) : ops::Activation{};
  if (limited.is_identity()) {
    node.emit_moved_alias(0, node.batch_axis(0));
  } else {
    node.emit(ops::ClampOp{limited}, {node.moved_value(0)}, node.batch_axis(0));
    node.note_output(*qparams);
  }
  return true;
}

void convert_quantize_linear(NodeContext& node) {
  if (!convert_codes(node))
    node.refuse("has codes that others than DequantizeLinear read, or of another form");
}

void convert_dequantize_linear(NodeContext& node) {
  convert_quantize_linear(node);
}

}  // namespace lowbit::onnx_import
