#include "model/copy_samples.h"

#include <fmt/format.h>

#include "layers/step_common.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

/// Element strides of a caller's samples along the axes of the value's Box.
ops::BoxDims strides_of(const Shape& shape, const std::array<std::ptrdiff_t, Shape::kMaxRank>& strides,
                        const Shape& sample) {
  const int rank = sample.rank();
  ops::BoxDims along = ops::row_major_strides(sample);
  if (shape.rank() == 2) {  // flattened samples keep the logical order: C, H, W and T, F
    for (std::int64_t& stride : along) stride *= strides[1];
    return along;
  }
  for (int axis = 0; axis < rank; ++axis)
    along[ops::memory_axis(rank, axis)] = strides[static_cast<std::size_t>(axis) + 1];
  return along;
}

}  // namespace

std::int64_t check_batch(const Shape& shape, const Shape& sample, const std::string& what) {
  bool fits = shape.rank() == sample.rank() + 1;
  for (int axis = 0; fits && axis < sample.rank(); ++axis) fits = shape[axis + 1] == sample[axis];
  if (!fits && shape.rank() == 2) fits = shape[1] == sample.elements();
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("'{}' has samples of shape {}, which a batch of shape {} does not fit", what,
                            sample.to_string(), shape.to_string()));
  return shape[0];
}

Shape with_batch(const Shape& sample, std::int64_t batch) {
  if (sample.rank() == Shape::kMaxRank)
    throw Error(ErrorCode::unsupported,
                fmt::format("a batch of tensors of shape {} has too many dimensions", sample.to_string()));
  std::vector<std::int64_t> dims{batch};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  return Shape(std::span<const std::int64_t>(dims));
}

void copy_in(const TensorView& from, const ops::TensorArg& to, std::int64_t count) noexcept {
  const ops::Box box(*to.type);
  const ops::BoxDims stride = strides_of(from.shape, from.strides, to.type->shape);
  for (std::int64_t b = 0; b < count; ++b) {
    const float* sample = from.data + b * from.strides[0];
    float* out = to.sample<float>(b);
    ops::for_lines(box.size, stride, box.stride, [&](std::int64_t theirs, std::int64_t ours) {
      for (std::int64_t c = 0; c < box.size.back(); ++c) out[ours + c] = sample[theirs + c * stride.back()];
    });
  }
}

void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept {
  const ops::Box box(*from.type);
  const ops::BoxDims stride = strides_of(to.shape, to.strides, from.type->shape);
  for (std::int64_t b = 0; b < count; ++b) {
    float* sample = to.data + b * to.strides[0];
    const float* in = from.sample<float>(b);
    ops::for_lines(box.size, stride, box.stride, [&](std::int64_t theirs, std::int64_t ours) {
      for (std::int64_t c = 0; c < box.size.back(); ++c) sample[theirs + c * stride.back()] = in[ours + c];
    });
  }
}

}  // namespace lowbit
