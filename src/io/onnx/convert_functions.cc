// SPDX-License-Identifier: Apache-2.0
// Functions of each element: one Function, or what says the same.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

using ops::Function;
using ops::FunctionOp;

void emit_function(NodeContext& node, Function function, float alpha = 1.0f, float beta = 0.0f) {
  if (!std::isfinite(alpha) || !std::isfinite(beta)) node.refuse("has a parameter that is not finite");
  node.emit(FunctionOp{function, alpha, beta}, {node.value(0)});
}

}  // namespace

void convert_abs(NodeContext& node) {
  emit_function(node, Function::abs);
}

void convert_elu(NodeContext& node) {
  emit_function(node, Function::elu, node.float_attribute("alpha", 1.0f));
}

void convert_erf(NodeContext& node) {
  emit_function(node, Function::erf);
}

void convert_exp(NodeContext& node) {
  emit_function(node, Function::exp);
}

void convert_gelu(NodeContext& node) {
  const std::string approximate = node.string_attribute("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    node.reject(fmt::format("has the approximation '{}'; there are none and tanh", approximate));
  emit_function(node, approximate == "none" ? Function::gelu : Function::gelu_tanh);
}

void convert_hard_sigmoid(NodeContext& node) {
  emit_function(node, Function::hard_sigmoid, node.float_attribute("alpha", 0.2f),
                node.float_attribute("beta", 0.5f));
}

void convert_hard_swish(NodeContext& node) {
  emit_function(node, Function::hard_swish, 1.0f / 6, 0.5f);
}

void convert_leaky_relu(NodeContext& node) {
  emit_function(node, Function::leaky_relu, node.float_attribute("alpha", 0.01f));
}

void convert_log(NodeContext& node) {
  emit_function(node, Function::log);
}

void convert_neg(NodeContext& node) {
  node.emit(ops::ScaleShiftOp{{-1.0f}, {0.0f}, {}}, {node.value(0)});
}

void convert_reciprocal(NodeContext& node) {
  emit_function(node, Function::reciprocal);
}

void convert_sigmoid(NodeContext& node) {
  emit_function(node, Function::sigmoid);
}

void convert_softplus(NodeContext& node) {
  emit_function(node, Function::softplus);
}

void convert_sqrt(NodeContext& node) {
  emit_function(node, Function::sqrt);
}

void convert_swish(NodeContext& node) {
  emit_function(node, Function::silu, node.float_attribute("alpha", 1.0f));
}

void convert_tanh(NodeContext& node) {
  emit_function(node, Function::tanh);
}

/// By a constant: squares are products, which keep their bits, and roots are roots.
void convert_pow(NodeContext& node) {
  if (!node.is_constant(1) || node.constant(1).size() != 1)
    node.refuse("raises to a power that is not one constant number");
  const auto exponent = static_cast<float>(scalar(node, 1));
  const ValueId x = node.value(0);
  if (exponent == 1.0f) return node.emit_alias(0);
  if (exponent == 2.0f) return node.emit(ops::BinaryOp{ops::BinaryFunction::mul}, {x, x});
  if (exponent == 0.5f) return emit_function(node, Function::sqrt);
  if (exponent == -1.0f) return emit_function(node, Function::reciprocal);
  emit_function(node, Function::power, exponent);
}

}  // namespace lowbit::onnx_import
