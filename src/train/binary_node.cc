// SPDX-License-Identifier: Apache-2.0
// Arithmetic on two values, or a value and a constant, which stays as it is. Where one element meets several
// of the other operand, its gradient is their sum.
#include <array>

#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// Of f(a, b) by a and by b. Of equal ones b is the extreme, as in the forward pass.
std::array<float, 2> slopes(ops::BinaryFunction f, float a, float b) {
  using ops::BinaryFunction;
  switch (f) {
    case BinaryFunction::add:
      return {1, 1};
    case BinaryFunction::sub:
      return {1, -1};
    case BinaryFunction::mul:
      return {b, a};
    case BinaryFunction::div:
      return {1 / b, -a / b / b};
    case BinaryFunction::max:
      return a > b ? std::array<float, 2>{1, 0} : std::array<float, 2>{0, 1};
    case BinaryFunction::min:
      return a < b ? std::array<float, 2>{1, 0} : std::array<float, 2>{0, 1};
  }
  return {0, 0};
}

/// Strides along the places of the output's box, 0 where an element is repeated.
ops::BoxDims repeated(const ops::BoxDims& size, const ops::BoxDims& stride, const ops::Box& out) {
  ops::BoxDims result{};
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = size[i] == 1 && out.size[i] != 1 ? 0 : stride[i];
  return result;
}

class BinaryNode final : public StepNode<ops::BinaryOp> {
 public:
  BinaryNode(const ops::BinaryOp& op, const NodeSpec& spec) : StepNode(op, spec), out_(*spec.output) {
    const bool has_constant = !op.constant.data.empty();
    constant_ = !has_constant ? -1 : op.constant_first ? 0 : 1;
    for (const int operand : {0, 1}) {
      const auto o = static_cast<std::size_t>(operand);
      if (operand == constant_) {
        const ops::Box box({op.constant.shape, DType::f32, {}});
        strides_[o] = repeated(box.size, ops::row_major_strides(op.constant.shape), out_);
        continue;
      }
      const ValueType& type = *spec.inputs[has_constant ? 0 : o];
      const ops::Box box(type);
      strides_[o] = repeated(box.size, box.stride, out_);
      elements_[o] = sample_elements(type);
    }
  }

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) backward_sample(args, s);
               });
  }

 private:
  void backward_sample(const BackwardArgs& args, std::int64_t s) const {
    std::array<const float*, 2> from{};
    std::array<float*, 2> to{};
    // Both before any is written to: they may be one value.
    for (const int operand : {1, 0}) {
      const auto o = static_cast<std::size_t>(operand);
      from[o] = op_.constant.data.data();
      if (operand == constant_) continue;
      const std::size_t input = constant_ < 0 ? o : 0;
      from[o] = args.inputs[input].sample<const float>(s);
      const InputGradient& gradient = args.input_gradients[input];
      if (!gradient.is_wanted()) continue;
      clear_unless_added(gradient, s, elements_[o]);
      to[o] = gradient.to.sample<float>(s);
    }
    const float* g = args.gradient.sample<const float>(s);
    for_lines([&](std::int64_t a, std::int64_t b, std::int64_t out) {
      for (std::int64_t i = 0; i < out_.size.back(); ++i) {
        const std::int64_t at_a = a + i * strides_[0].back(), at_b = b + i * strides_[1].back();
        const std::array<float, 2> slope = slopes(op_.function, from[0][at_a], from[1][at_b]);
        if (to[0]) to[0][at_a] += slope[0] * g[out + i];
        if (to[1]) to[1][at_b] += slope[1] * g[out + i];
      }
    });
  }

  /// Calls body(offset in a, in b, in the output) for every line along the last axis of the output.
  template <class Body>
  void for_lines(Body&& body) const {
    constexpr std::size_t kOuter = Shape::kMaxRank - 1;
    std::int64_t lines = 1;
    for (std::size_t axis = 0; axis < kOuter; ++axis) lines *= out_.size[axis];
    for (std::int64_t line = 0; line < lines; ++line) {
      std::int64_t a = 0, b = 0, out = 0, rest = line;
      for (std::size_t axis = kOuter; axis-- > 0; rest /= out_.size[axis]) {
        const std::int64_t place = rest % out_.size[axis];
        a += place * strides_[0][axis], b += place * strides_[1][axis], out += place * out_.stride[axis];
      }
      body(a, b, out);
    }
  }

  const ops::Box out_;
  int constant_ = -1;                           ///< which operand; -1: none
  std::array<ops::BoxDims, 2> strides_{};       ///< of the operands
  std::array<std::int64_t, 2> elements_{0, 0};  ///< of a sample
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::BinaryOp& op, const NodeSpec& spec) {
  return std::make_unique<BinaryNode>(op, spec);
}

}  // namespace lowbit::train
