// SPDX-License-Identifier: Apache-2.0
// What the steps of MatMul share: where matrices lie.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "layers/step_common.h"
#include "lowbit/layers/matmul.h"

namespace lowbit::ops {

/// Where the matrices of a value lie: strides of the leading axes of the output, of rows and of columns.
struct Matrices {
  std::array<std::int64_t, Shape::kMaxRank - 2> leading{};
  std::int64_t rows = 1, cols = 1, row_stride = 0, col_stride = 0;

  Matrices() = default;
  Matrices(const ValueType& type, const Shape& out) {
    const Box box(type);
    const int rank = type.shape.rank();
    rows = type.shape[rank - 2], cols = type.shape[rank - 1];
    row_stride = box.stride[memory_axis(rank, rank - 2)];
    col_stride = box.stride[memory_axis(rank, rank - 1)];
    for (int axis = 0; axis < rank - 2; ++axis)
      leading[static_cast<std::size_t>(axis)] =
          type.shape[axis] == 1 && out[axis] != 1 ? 0 : box.stride[memory_axis(rank, axis)];
  }
};

/// Two values, their product, and how many matrices there are side by side.
struct MatrixProducts {
  Matrices a, b, out;
  Shape shape;  ///< of the output
  std::int64_t count = 1;

  explicit MatrixProducts(const StepSpec& spec)
      : a(*spec.inputs[0], spec.output->shape),
        b(*spec.inputs[1], spec.output->shape),
        out(*spec.output, spec.output->shape),
        shape(spec.output->shape) {
    for (int axis = 0; axis < shape.rank() - 2; ++axis) count *= shape[axis];
  }
  /// Of the i-th matrix in the memory of its value.
  std::int64_t offset(const Matrices& m, std::int64_t i) const {
    std::int64_t at = 0;
    for (int axis = shape.rank() - 3; axis >= 0; --axis) {
      at += i % shape[axis] * m.leading[static_cast<std::size_t>(axis)];
      i /= shape[axis];
    }
    return at;
  }
};

std::unique_ptr<Step> make_matmul_fp32(const StepSpec& spec);
/// Both values and the product are codes.
std::unique_ptr<Step> make_matmul_int8(const StepSpec& spec);

}  // namespace lowbit::ops
