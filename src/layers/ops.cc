#include "lowbit/layers/ops.h"

#include <type_traits>

#include "layers/weight_of.h"

namespace lowbit::ops {

std::string_view op_name(const Op& op) {
  return std::visit([](const auto& o) { return std::decay_t<decltype(o)>::kName; }, op);
}

Arithmetic op_arithmetic(const Op& op) {
  return std::visit([](const auto& o) { return std::decay_t<decltype(o)>::kArithmetic; }, op);
}

Shape infer_shape(const Op& op, std::span<const Shape> inputs) {
  return std::visit([&](const auto& o) { return infer_shape(o, inputs); }, op);
}

std::unique_ptr<Step> make_step(const Op& op, const StepSpec& spec) {
  return std::visit([&](const auto& o) { return make_step(o, spec); }, op);
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

bool has_weights(const Op& op) {
  return weight_of(op) != nullptr;
}

}  // namespace lowbit::ops
