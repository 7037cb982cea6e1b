// SPDX-License-Identifier: Apache-2.0
#include "layers/padded_image.h"

#include <algorithm>
#include <cstring>

namespace lowbit {
namespace {

constexpr std::int64_t kPixel = 4;

}  // namespace

bool PaddedImage::suits(const ops::Conv2dOp& op, const SampleLayout& in, const QuantizedMatrix& weights) {
  return in.pixel_stride == kPixel && op.groups == 1 && op.window.kernel[1] > 1 &&
         op.window.dilation[1] == 1 && weights.format == WeightFormat::s8 && weights.groups() == 1 &&
         weights.zero_points.empty() && weights.offsets.empty();
}

QuantizedMatrix PaddedImage::widened(const QuantizedMatrix& weights, std::int64_t channels) {
  QuantizedMatrix wide = weights;
  wide.cols = weights.cols / channels * kPixel;
  wide.codes.assign(static_cast<std::size_t>(wide.rows) * wide.row_bytes(), 0);
  const std::size_t narrow_bytes = weights.row_bytes(), wide_bytes = wide.row_bytes();
  const auto count = static_cast<std::size_t>(channels);
  for (std::size_t r = 0; r < static_cast<std::size_t>(wide.rows); ++r)
    for (std::size_t tap = 0; tap < static_cast<std::size_t>(wide.cols / kPixel); ++tap)
      std::copy_n(weights.codes.data() + r * narrow_bytes + tap * count, count,
                  wide.codes.data() + r * wide_bytes + tap * kPixel);
  return wide;
}

PaddedImage::PaddedImage(const ops::Window& window, const SampleLayout& in, const SampleLayout& out)
    : in_(in), window_(window), top_(window.pad[0]), left_(window.pad[1]) {
  const std::int64_t height = (out.height - 1) * window.stride[0] +
                              (window.kernel[0] - 1) * window.dilation[0] + 1,
                     width = (out.width - 1) * window.stride[1] + window.kernel[1];
  layout_ = sample_layout({kPixel, height, width}, DType::u8);
  window_.kernel[1] = 1;
  window_.pad = {0, 0, 0, 0};
}

void PaddedImage::fill(const std::uint8_t* sample, std::int32_t zero_point,
                       std::uint8_t* image) const noexcept {
  const auto bytes = [](std::int64_t pixels) { return static_cast<std::size_t>(pixels * kPixel); };
  const std::int64_t left = std::min(left_, layout_.width), width = std::min(in_.width, layout_.width - left),
                     right = layout_.width - left - width;
  for (std::int64_t y = 0; y < layout_.height; ++y, image += layout_.width * kPixel) {
    const std::int64_t from = y - top_;
    if (from < 0 || from >= in_.height) {
      std::memset(image, zero_point, bytes(layout_.width));
      continue;
    }
    std::memset(image, zero_point, bytes(left));
    std::memcpy(image + left * kPixel, sample + from * in_.width * kPixel, bytes(width));
    std::memset(image + (left + width) * kPixel, zero_point, bytes(right));
  }
}

}  // namespace lowbit
