// SPDX-License-Identifier: Apache-2.0
#include "model/copy_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "layers/coded_row.h"
#include "layers/copy_box.h"
#include "layers/step_common.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/row_codes.h"
#include "model/open_graph.h"

namespace lowbit {
namespace {

/// Whether a sample starts with a dimension of 1, in the place of which the tensor has the batch.
bool is_open_first(const Shape& shape, const Shape& sample) {
  bool fits = shape.rank() == sample.rank() && sample.rank() > 0 && sample[0] == 1;
  for (int axis = 1; fits && axis < sample.rank(); ++axis) fits = shape[axis] == sample[axis];
  return fits;
}

/// Element strides of a caller's samples along the axes of the value's Box.
ops::BoxDims strides_of(const Shape& shape, const std::array<std::ptrdiff_t, Shape::kMaxRank>& strides,
                        const Shape& sample) {
  const int rank = sample.rank();
  ops::BoxDims along = ops::row_major_strides(sample);
  if (shape == sample) {
    for (int axis = 0; axis < rank; ++axis)
      along[ops::memory_axis(rank, axis)] = strides[static_cast<std::size_t>(axis)];
    return along;
  }
  if (is_open_first(shape, sample)) {
    for (int axis = 1; axis < rank; ++axis)
      along[ops::memory_axis(rank, axis)] = strides[static_cast<std::size_t>(axis)];
    return along;
  }
  if (shape.rank() == 2) {  // flattened samples keep the logical order: C, H, W and T, F
    for (std::int64_t& stride : along) stride *= strides[1];
    return along;
  }
  for (int axis = 0; axis < rank; ++axis)
    along[ops::memory_axis(rank, axis)] = strides[static_cast<std::size_t>(axis) + 1];
  return along;
}

/// Strides of a value's samples along the axes of a Box; integers lie in logical order.
ops::Box box_of(const ValueType& type) {
  ops::Box box(ValueType{type.shape, DType::f32, {}});
  if (type.dtype == DType::i64) box.stride = ops::row_major_strides(type.shape);
  return box;
}

/// Calls body(sample, their first element, their step, offset of ours, count) for lines that cover `count`
/// samples. Where the last axis of integers is not the line's, lines are of one element.
template <class View, class Body>
void for_sample_lines(const View& view, const ValueType& type, std::int64_t count, Body&& body) {
  const ops::Box box = box_of(type);
  const ops::BoxDims stride = strides_of(view.shape, view.strides, type.shape);
  const bool is_dense = box.stride.back() == 1 || box.size.back() == 1;
  for (std::int64_t b = 0; b < count; ++b)
    ops::for_lines(box.size, stride, box.stride, [&](std::int64_t theirs, std::int64_t ours) {
      auto* first = view.data + b * view.strides[0] + theirs;
      if (is_dense) return body(b, first, stride.back(), ours, box.size.back());
      for (std::int64_t c = 0; c < box.size.back(); ++c)
        body(b, first + c * stride.back(), 1, ours + c * box.stride.back(), 1);
    });
}

/// The row in codes that a line of elements is, which begins at element `first` of sample `b`.
std::byte* coded_row(const ops::TensorArg& value, std::int64_t b, std::int64_t first) {
  const SampleLayout layout = value.type->layout();
  return value.sample<std::byte>(b) + first / layout.channels * layout.pixel_stride;
}

void copy_floats(const ops::StridedFloats& from, const ops::TensorArg& value, std::int64_t count) {
  const ops::Box box(*value.type);
  for (std::int64_t b = 0; b < count; ++b)
    ops::copy_box<float>(box.size, from.data + b * from.sample_stride, from.stride, value.sample<float>(b),
                         box.stride);
}
/// Sample b.
void copy_floats(const ops::TensorArg& value, std::int64_t b, float* theirs, const ops::BoxDims& stride) {
  const ops::Box box(*value.type);
  ops::copy_box<float>(box.size, value.sample<float>(b), box.stride, theirs, stride);
}

}  // namespace

std::int64_t nearest_integer(float x) {
  if (!(x == x)) return 0;
  constexpr float kLimit = 9.2e18f;
  return static_cast<std::int64_t>(std::rint(x < -kLimit ? -kLimit : x > kLimit ? kLimit : x));
}

std::int64_t check_batch(const Shape& shape, const Shape& sample, const std::string& what) {
  bool fits = shape.rank() == sample.rank() + 1;
  for (int axis = 0; fits && axis < sample.rank(); ++axis) fits = shape[axis + 1] == sample[axis];
  if (!fits && shape.rank() == 2) fits = shape[1] == sample.elements();
  fits = fits || is_open_first(shape, sample);
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("'{}' has samples of shape {}, which a batch of shape {} does not fit", what,
                            sample.to_string(), shape.to_string()));
  return shape[0];
}

TensorView as_batch(const TensorView& tensor, const Shape& sample) {
  if (!(tensor.shape == sample) || sample.rank() == Shape::kMaxRank) return tensor;
  TensorView batch{tensor.data, with_batch(sample, 1), {}};
  for (int axis = 0; axis < sample.rank(); ++axis)
    batch.strides[static_cast<std::size_t>(axis) + 1] = tensor.strides[static_cast<std::size_t>(axis)];
  return batch;
}

Shape with_batch(const Shape& sample, std::int64_t batch) {
  if (sample.rank() == Shape::kMaxRank)
    throw Error(ErrorCode::unsupported,
                fmt::format("a batch of tensors of shape {} has too many dimensions", sample.to_string()));
  std::vector<std::int64_t> dims{batch};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  return Shape(std::span<const std::int64_t>(dims));
}

Shape with_count(const Shape& shape, std::int64_t count) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = count;
  return Shape(std::span<const std::int64_t>(dims));
}

std::vector<Shape> sample_shapes(const Model& model, std::span<const arrays::ArrayView> batch) {
  detail::SizeReader reader(model.graph());
  for (std::size_t i = 0; i < batch.size(); ++i) reader.add(i, batch[i].type.shape);
  return detail::input_shapes_at(model.graph(), reader.sizes());
}

Shape sample_shape(const Model& model, const Shape& batch) {
  detail::SizeReader reader(model.graph());
  reader.add(0, batch);
  return detail::input_shapes_at(model.graph(), reader.sizes())[0];
}

std::vector<arrays::ArrayView> slice_batch(const Model& model, std::span<const arrays::ArrayView> batch,
                                           std::int64_t first, std::int64_t count) {
  std::vector<arrays::ArrayView> slice(batch.begin(), batch.end());
  const std::vector<Shape> samples = sample_shapes(model, batch);
  for (std::size_t i = 0; i < slice.size(); ++i) {
    const Shape& sample = samples[i];
    arrays::ArrayView& array = slice[i];
    if (array.floats) array.floats += first * sample.elements();
    if (array.integers) array.integers += first * sample.elements();
    if (array.rows) {
      const int bits = model.type(model.graph().inputs[i]).bits;
      array.rows += static_cast<std::size_t>(first) * coded_rows_bytes(sample, bits);
    }
    if (!(array.type.shape == sample)) array.type.shape = with_count(array.type.shape, count);
  }
  return slice;
}

TensorView slice_batch(const TensorView& batch, std::int64_t first, std::int64_t count) {
  return {batch.data + first * batch.strides[0], with_count(batch.shape, count), batch.strides};
}

ops::StridedFloats floats_of(const TensorView& batch, const ValueType& sample) {
  if (sample.dtype != DType::f32) return {};
  return {batch.data, batch.strides[0], strides_of(batch.shape, batch.strides, sample.shape)};
}

ops::StridedFloats floats_of(const arrays::ArrayView& batch, const ValueType& sample) {
  if (sample.dtype != DType::f32) return {};
  return {batch.floats, sample.shape.elements(), ops::row_major_strides(sample.shape)};
}

void copy_in(const TensorView& from, const ops::TensorArg& to, std::int64_t count) noexcept {
  if (to.type->dtype == DType::f32) return copy_floats(floats_of(from, *to.type), to, count);
  for_sample_lines(
      from, *to.type, count,
      [&](std::int64_t b, const float* theirs, std::int64_t step, std::int64_t ours, std::int64_t n) {
        if (to.type->dtype == DType::i64)
          for (std::int64_t c = 0; c < n; ++c)
            to.sample<std::int64_t>(b)[ours + c] = nearest_integer(theirs[c * step]);
        else
          encode_row(theirs, step, n, to.type->bits, coded_row(to, b, ours));
      });
}

void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept {
  if (from.type->dtype == DType::f32) {
    const ops::BoxDims stride = strides_of(to.shape, to.strides, from.type->shape);
    for (std::int64_t b = 0; b < count; ++b) copy_floats(from, b, to.data + b * to.strides[0], stride);
    return;
  }
  for_sample_lines(to, *from.type, count,
                   [&](std::int64_t b, float* theirs, std::int64_t step, std::int64_t ours, std::int64_t n) {
                     if (from.type->dtype == DType::i64)
                       for (std::int64_t c = 0; c < n; ++c)
                         theirs[c * step] = static_cast<float>(from.sample<std::int64_t>(b)[ours + c]);
                     else
                       decode_row(coded_row(from, b, ours), n, from.type->bits, step, theirs);
                   });
}

void copy_in(const arrays::ArrayView& from, const ops::TensorArg& to, std::int64_t count) noexcept {
  if (to.type->dtype == DType::f32) return copy_floats(floats_of(from, *to.type), to, count);
  const std::int64_t size = to.type->shape.elements();
  const std::size_t bytes = coded_rows_bytes(to.type->shape, to.type->bits);
  for (std::int64_t b = 0; b < count; ++b) {
    if (from.rows)
      std::copy_n(from.rows + static_cast<std::size_t>(b) * bytes, bytes, to.sample<std::byte>(b));
    else if (to.type->dtype == DType::rows)
      encode_rows(from.floats + b * size, to.type->layout().pixels(), to.type->layout().channels,
                  to.type->bits, to.sample<std::byte>(b));
    else
      std::copy_n(from.integers + b * size, size, to.sample<std::int64_t>(b));
  }
}

void copy_out(const ops::TensorArg& from, const arrays::MutableArrayView& to, std::int64_t count) noexcept {
  const std::int64_t size = from.type->shape.elements();
  const std::size_t bytes = coded_rows_bytes(from.type->shape, from.type->bits);
  for (std::int64_t b = 0; b < count; ++b) {
    if (to.rows)
      std::copy_n(from.sample<std::byte>(b), bytes, to.rows + static_cast<std::size_t>(b) * bytes);
    else if (from.type->dtype == DType::rows)
      decode_rows(from.sample<std::byte>(b), from.type->layout().pixels(), from.type->layout().channels,
                  from.type->bits, to.floats + b * size);
    else if (to.integers)
      std::copy_n(from.sample<std::int64_t>(b), size, to.integers + b * size);
    else
      copy_floats(from, b, to.floats + b * size, ops::row_major_strides(from.type->shape));
  }
}

}  // namespace lowbit
