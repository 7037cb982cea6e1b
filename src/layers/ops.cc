// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/ops.h"

#include <string>
#include <type_traits>

#include "layers/activation_of.h"
#include "layers/weight_of.h"

namespace lowbit::ops {

std::string_view op_name(const Op& op) {
  return std::visit([](const auto& o) { return std::decay_t<decltype(o)>::kName; }, op);
}

std::string_view shown_name(const Op& op) {
  const auto* array = std::get_if<ArrayOp>(&op);
  return array ? std::string_view(array->function) : op_name(op);
}

Arithmetic op_arithmetic(const Op& op) {
  return std::visit([](const auto& o) { return std::decay_t<decltype(o)>::kArithmetic; }, op);
}

Shape infer_shape(const Op& op, std::span<const Shape> inputs) {
  return std::visit([&](const auto& o) { return infer_shape(o, inputs); }, op);
}

namespace {

/// Rows in codes are made, joined and read by attention as keys and values, nothing else.
void check_rows(const Op& op, const StepSpec& spec) {
  bool fits = spec.output->dtype != DType::rows || std::holds_alternative<QuantizeOp>(op) ||
              std::holds_alternative<ConcatOp>(op);
  const auto check = [&](const ValueType& type) {
    if (type.dtype == DType::rows)
      fits = fits && type.shape.rank() == 4 && (type.bits == 8 || type.bits == 4);
  };
  check(*spec.output);
  for (const ValueType* input : spec.inputs) {
    check(*input);
    if (input->dtype == DType::rows)
      fits = fits && (std::holds_alternative<ConcatOp>(op) || std::holds_alternative<AttentionOp>(op));
  }
  if (!fits)
    throw Error(ErrorCode::unsupported,
                std::string(op_name(op)) + " does not compute with these rows in codes");
}

}  // namespace

std::unique_ptr<Step> make_step(const Op& op, const StepSpec& spec) {
  check_rows(op, spec);
  for (const ValueType* input : spec.inputs)
    if (input->dtype == DType::i64 && !std::holds_alternative<ArrayOp>(op) &&
        !std::holds_alternative<EmbeddingOp>(op))
      throw Error(ErrorCode::unsupported, std::string(op_name(op)) + " does not compute with integers");
  return std::visit([&](const auto& o) { return make_step(o, spec); }, op);
}

ElementType result_element(const Op& op) {
  const auto* array = std::get_if<ArrayOp>(&op);
  return array ? array->result : ElementType::f32;
}

const Tensor* weight_of(const Op& op) {
  return std::visit(
      [](const auto& o) -> const Tensor* {
        if constexpr (requires { o.weight; })
          return &o.weight;
        else
          return nullptr;
      },
      op);
}

namespace {

/// Of Op or const Op.
template <class Any>
auto find_activation(Any& op) {
  using Result = std::conditional_t<std::is_const_v<Any>, const Activation, Activation>*;
  return std::visit(
      [](auto& o) -> Result {
        if constexpr (requires { o.activation; })
          return &o.activation;
        else
          return nullptr;
      },
      op);
}

}  // namespace

Activation* activation_of(Op& op) {
  return find_activation(op);
}

const Activation* activation_of(const Op& op) {
  return find_activation(op);
}

bool reads_reals(const Op& op, std::size_t i) {
  return i == 3 && std::holds_alternative<AttentionOp>(op);
}

bool has_weights(const Op& op) {
  return std::holds_alternative<Conv2dOp>(op) || std::holds_alternative<LinearOp>(op);
}

}  // namespace lowbit::ops
