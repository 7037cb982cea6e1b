// Between a caller's strided tensors and the f32 values of a workspace, which are channels last.
#pragma once

#include <string>

#include "lowbit/core/view.h"
#include "lowbit/layers/step.h"

namespace lowbit {

/// Samples of shape `sample` in a tensor of `shape`: the leading dimension. The rest must equal `sample`, or
/// have as many elements in one dimension (a matrix of flattened samples). Throws Error(shape_mismatch)
/// naming `what`.
std::int64_t check_batch(const Shape& shape, const Shape& sample, const std::string& what);

/// The shape of a batch of such samples. Throws Error(unsupported) when that has too many dimensions.
Shape with_batch(const Shape& sample, std::int64_t batch);

void copy_in(const TensorView& from, const ops::TensorArg& to, std::int64_t count) noexcept;
void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept;

}  // namespace lowbit
