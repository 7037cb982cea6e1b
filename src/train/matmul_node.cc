// SPDX-License-Identifier: Apache-2.0
// The product of two values, matrix by matrix: dA = dC B^T, dB = A^T dC, summed where one matrix meets
// several of the other side.
#include <array>

#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// Strides of a value along the logical axes of the product, its last two apart; 0 where it has one of
/// several.
struct Operand {
  std::array<std::int64_t, Shape::kMaxRank> stride{};
  std::int64_t row = 0, column = 0;

  explicit Operand(const ValueType& type) {
    const ops::Box box(type);
    const int rank = type.shape.rank();
    const auto along = [&](int axis) { return box.stride[ops::memory_axis(rank, axis)]; };
    for (int axis = 0; axis < rank - 2; ++axis)
      stride[static_cast<std::size_t>(axis)] = type.shape[axis] == 1 ? 0 : along(axis);
    row = along(rank - 2), column = along(rank - 1);
  }
  std::int64_t at(std::int64_t matrix, const Shape& product) const {
    std::int64_t offset = 0;
    for (int axis = product.rank() - 2; axis-- > 0; matrix /= product[axis])
      offset += matrix % product[axis] * stride[static_cast<std::size_t>(axis)];
    return offset;
  }
};

class MatMulNode final : public StepNode<ops::MatMulOp> {
 public:
  MatMulNode(const ops::MatMulOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        shape_(spec.output->shape),
        a_(*spec.inputs[0]),
        b_(*spec.inputs[1]),
        c_(*spec.output),
        elements_{sample_elements(*spec.inputs[0]), sample_elements(*spec.inputs[1])},
        rows_(shape_[shape_.rank() - 2]),
        columns_(shape_[shape_.rank() - 1]),
        depth_(spec.inputs[0]->shape[shape_.rank() - 1]) {}

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) {
                   backward_second(args, s);
                   backward_first(args, s);
                 }
               });
  }

 private:
  template <class Body>
  void for_matrices(Body&& body) const {
    const std::int64_t size = rows_ * columns_, count = size == 0 ? 0 : shape_.elements() / size;
    for (std::int64_t m = 0; m < count; ++m) body(a_.at(m, shape_), b_.at(m, shape_), c_.at(m, shape_));
  }

  void backward_first(const BackwardArgs& args, std::int64_t s) const {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    clear_unless_added(to, s, elements_[0]);
    const float *b = args.inputs[1].sample<const float>(s), *g = args.gradient.sample<const float>(s);
    float* out = to.to.sample<float>(s);
    for_matrices([&](std::int64_t at_a, std::int64_t at_b, std::int64_t at_c) {
      for (std::int64_t i = 0; i < rows_; ++i)
        for (std::int64_t k = 0; k < depth_; ++k) {
          float sum = 0;
          for (std::int64_t j = 0; j < columns_; ++j)
            sum += g[at_c + i * c_.row + j * c_.column] * b[at_b + k * b_.row + j * b_.column];
          out[at_a + i * a_.row + k * a_.column] += sum;
        }
    });
  }

  void backward_second(const BackwardArgs& args, std::int64_t s) const {
    const InputGradient& to = args.input_gradients[1];
    if (!to.is_wanted()) return;
    clear_unless_added(to, s, elements_[1]);
    const float *a = args.inputs[0].sample<const float>(s), *g = args.gradient.sample<const float>(s);
    float* out = to.to.sample<float>(s);
    for_matrices([&](std::int64_t at_a, std::int64_t at_b, std::int64_t at_c) {
      for (std::int64_t k = 0; k < depth_; ++k)
        for (std::int64_t j = 0; j < columns_; ++j) {
          float sum = 0;
          for (std::int64_t i = 0; i < rows_; ++i)
            sum += a[at_a + i * a_.row + k * a_.column] * g[at_c + i * c_.row + j * c_.column];
          out[at_b + k * b_.row + j * b_.column] += sum;
        }
    });
  }

  const Shape shape_;
  const Operand a_, b_, c_;
  const std::array<std::int64_t, 2> elements_;
  const std::int64_t rows_, columns_, depth_;
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::MatMulOp& op, const NodeSpec& spec) {
  return std::make_unique<MatMulNode>(op, spec);
}

}  // namespace lowbit::train
