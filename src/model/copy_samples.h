// Between a caller's strided tensors and the f32 values of a workspace, which are channels last.
#pragma once

#include <string>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/layers/step.h"

namespace lowbit {

/// Samples of shape `sample` in a tensor of `shape`: the leading dimension. The rest must equal `sample`, or
/// have as many elements in one dimension (a matrix of flattened samples); the batch may stand in the place
/// of a first dimension of 1. Throws Error(shape_mismatch) naming `what`.
std::int64_t check_batch(const Shape& shape, const Shape& sample, const std::string& what);

/// A tensor of exactly the shape `sample` as a batch of one; all else as it is.
TensorView as_batch(const TensorView& tensor, const Shape& sample);

/// The shape of a batch of such samples. Throws Error(unsupported) when that has too many dimensions.
Shape with_batch(const Shape& sample, std::int64_t batch);

/// Integers in the place of floats: they are rounded to the nearest.
void copy_in(const TensorView& from, const ops::TensorArg& to, std::int64_t count) noexcept;
void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept;

/// Arrays of `count` samples, of the element type of the value.
void copy_in(const arrays::ArrayView& from, const ops::TensorArg& to, std::int64_t count) noexcept;
void copy_out(const ops::TensorArg& from, const arrays::MutableArrayView& to, std::int64_t count) noexcept;

}  // namespace lowbit
