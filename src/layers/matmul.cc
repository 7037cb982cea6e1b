// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/matmul.h"

#include <fmt/format.h>

#include "layers/matmul_steps.h"

namespace lowbit::ops {

Shape infer_shape(const MatMulOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 2, MatMulOp::kName);
  const Shape &a = inputs[0], &b = inputs[1];
  const int rank = a.rank();
  bool fits = rank >= 2 && b.rank() == rank && a[rank - 1] == b[rank - 2];
  std::vector<std::int64_t> dims;
  for (int axis = 0; fits && axis < rank - 2; ++axis) {
    fits = a[axis] == b[axis] || a[axis] == 1 || b[axis] == 1;
    dims.push_back(a[axis] == 1 ? b[axis] : a[axis]);
  }
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("MatMul: {} cannot be multiplied by {}", a.to_string(), b.to_string()));
  dims.push_back(a[rank - 2]);
  dims.push_back(b[rank - 1]);
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const MatMulOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  const DType type = require_same_dtype(spec, MatMulOp::kName);
  if (type == DType::i64)
    throw Error(ErrorCode::unsupported, "MatMul of two values does not compute on integers");
  return type == DType::u8 ? make_matmul_int8(spec) : make_matmul_fp32(spec);
}

}  // namespace lowbit::ops
