#include "model/copy_samples.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"

namespace lowbit {
namespace {

/// Element strides of a caller's sample along the value's height, width and channels.
struct SampleStrides {
  std::ptrdiff_t height = 0, width = 0, channels = 0;
};

SampleStrides strides_of(const Shape& shape, const std::array<std::ptrdiff_t, Shape::kMaxRank>& strides,
                         const Shape& sample, const SampleLayout& layout) {
  if (shape.rank() == 2 && sample.rank() != 1) {
    // Flattened samples keep the logical order: C, H, W for images and T, F for sequences.
    const std::ptrdiff_t s = strides[1];
    if (sample.rank() == 3) return {layout.width * s, s, layout.height * layout.width * s};
    return {0, layout.channels * s, s};
  }
  switch (sample.rank()) {
    case 3:
      return {strides[2], strides[3], strides[1]};
    case 2:
      return {0, strides[1], strides[2]};
    case 1:
      return {0, 0, strides[1]};
    default:
      return {};
  }
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
  const SampleLayout layout = to.type->layout();
  const SampleStrides s = strides_of(from.shape, from.strides, to.type->shape, layout);
  for (std::int64_t b = 0; b < count; ++b) {
    const float* sample = from.data + b * from.strides[0];
    float* out = to.sample<float>(b);
    for (std::int64_t y = 0; y < layout.height; ++y)
      for (std::int64_t x = 0; x < layout.width; ++x) {
        const float* pixel = sample + y * s.height + x * s.width;
        for (std::int64_t c = 0; c < layout.channels; ++c) *out++ = pixel[c * s.channels];
      }
  }
}

void copy_out(const ops::TensorArg& from, const MutableTensorView& to, std::int64_t count) noexcept {
  const SampleLayout layout = from.type->layout();
  const SampleStrides s = strides_of(to.shape, to.strides, from.type->shape, layout);
  for (std::int64_t b = 0; b < count; ++b) {
    float* sample = to.data + b * to.strides[0];
    const float* in = from.sample<float>(b);
    for (std::int64_t y = 0; y < layout.height; ++y)
      for (std::int64_t x = 0; x < layout.width; ++x) {
        float* pixel = sample + y * s.height + x * s.width;
        for (std::int64_t c = 0; c < layout.channels; ++c) pixel[c * s.channels] = *in++;
      }
  }
}

}  // namespace lowbit
