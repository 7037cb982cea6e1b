// SPDX-License-Identifier: Apache-2.0
// What lowbit's own operators have for an operator of ONNX on whole tensors: the same result by a kernel, on
// values that the passes of fuse() understand.
#pragma once

#include <optional>
#include <span>

#include "lowbit/layers/ops.h"

namespace lowbit::onnx_import {

/// `inputs` are the shapes of the node's inputs, `output` is that of what it computes; the operator may give
/// the same elements in another shape, which a Reshape then has to follow. Nothing where there is no such
/// operator, or not for this form.
std::optional<ops::Op> native_op(const ops::ArrayOp& op, std::span<const Shape> inputs, const Shape& output);

}  // namespace lowbit::onnx_import
