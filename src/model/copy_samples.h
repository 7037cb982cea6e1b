// SPDX-License-Identifier: Apache-2.0
// Between a caller's strided tensors and the f32 values of a workspace, which are channels last.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit {

/// Samples of shape `sample` in a tensor of `shape`: the leading dimension. The rest must equal `sample`, or
/// have as many elements in one dimension (a matrix of flattened samples); the batch may stand in the place
/// of a first dimension of 1. Throws Error(shape_mismatch) naming `what`.
std::int64_t check_batch(const Shape& shape, const Shape& sample, const std::string& what);

/// A tensor of exactly the shape `sample` as a batch of one; all else as it is.
TensorView as_batch(const TensorView& tensor, const Shape& sample);

/// The shape of a batch of such samples. Throws Error(unsupported) when that has too many dimensions.
Shape with_batch(const Shape& sample, std::int64_t batch);

/// The shape of a batch with another number of samples.
Shape with_count(const Shape& batch, std::int64_t count);

/// The shape of a sample of each input, at the sizes of open dimensions that such a batch says. Throws
/// Error(shape_mismatch) where they do not fit.
std::vector<Shape> sample_shapes(const Model& model, std::span<const arrays::ArrayView> batch);
/// The same of a model with one input.
Shape sample_shape(const Model& model, const Shape& batch);

/// Throws Error(shape_mismatch) for a model that one tensor does not feed.
void check_one_input(const Model& model);
/// Samples of a batch for the model's inputs. Throws Error(shape_mismatch) where arrays do not fit the inputs
/// or each other, Error(unsupported) for floats where an input has integers or the other way round.
std::int64_t check_inputs(const Model& model, std::span<const arrays::ArrayView> batch);
/// Samples first to first + count - 1 of such a batch.
std::vector<arrays::ArrayView> slice_batch(const Model& model, std::span<const arrays::ArrayView> batch,
                                           std::int64_t first, std::int64_t count);
/// The same of one tensor.
TensorView slice_batch(const TensorView& batch, std::int64_t first, std::int64_t count);

/// What a float that should be an integer stands for; 0 for NaN, the last integers for what is beyond.
std::int64_t nearest_integer(float x);

/// A caller's samples of such a value; no data where they are no floats, or the value is something else.
ops::StridedFloats floats_of(const TensorView& batch, const ValueType& sample);
ops::StridedFloats floats_of(const arrays::ArrayView& batch, const ValueType& sample);

/// Integers in the place of floats: they are rounded to the nearest.
void copy_in(const TensorView& from, const ops::TensorArg& to, std::int64_t count) noexcept;
void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept;

/// Arrays of `count` samples, of the element type of the value.
void copy_in(const arrays::ArrayView& from, const ops::TensorArg& to, std::int64_t count) noexcept;
void copy_out(const ops::TensorArg& from, const arrays::MutableArrayView& to, std::int64_t count) noexcept;

}  // namespace lowbit
