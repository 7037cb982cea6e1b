// SPDX-License-Identifier: Apache-2.0
#include "layers/quantize_pixels.h"

#include <algorithm>
#include <cstring>

#include "lowbit/core/error.h"

namespace lowbit {
namespace {

// An RGB image has three channels: a call per pixel would cost more than the arithmetic. Pixels narrower than
// this are quantized as one stretch and spread afterwards.
constexpr std::int64_t kNarrow = 64;
constexpr std::int64_t kStretch = 4096, kPlaneStretch = 1024;

template <std::int64_t kChannels>
void spread(const std::uint8_t* from, std::int64_t pixels, std::int64_t channels, std::int64_t stride,
            std::uint8_t* to) noexcept {
  const auto width = static_cast<std::size_t>(kChannels > 0 ? kChannels : channels);
  for (std::int64_t p = 0; p < pixels; ++p)
    std::memcpy(to + p * stride, from + p * static_cast<std::int64_t>(width), width);
}

/// Codes of one stretch of pixels, channel by channel, into pixels four codes apart, as all narrow ones are.
template <std::int64_t kChannels>
void interleave(const std::uint8_t (*codes)[kPlaneStretch], std::int64_t pixels, std::uint8_t* to) noexcept {
  for (std::int64_t p = 0; p < pixels; ++p)
    for (std::int64_t c = 0; c < 4; ++c) to[4 * p + c] = codes[c < kChannels ? c : 0][p];
}

}  // namespace

void quantize_planes(const float* x, std::int64_t plane_stride, std::int64_t pixels, std::int64_t channels,
                     std::int64_t pixel_stride, const kernels::QuantizeParams& params,
                     std::uint8_t* out) noexcept {
  LOWBIT_ASSERT(channels <= kMostPlanes && pixel_stride == 4);
  std::uint8_t codes[kMostPlanes][kPlaneStretch];
  for (std::int64_t p = 0; p < pixels; p += kPlaneStretch) {
    const std::int64_t count = std::min(kPlaneStretch, pixels - p);
    for (std::int64_t c = 0; c < channels; ++c)
      kernels::elementwise().quantize(x + c * plane_stride + p, static_cast<std::size_t>(count), params,
                                      codes[c], nullptr);
    std::uint8_t* to = out + p * pixel_stride;
    switch (channels) {
      case 1:
        interleave<1>(codes, count, to);
        break;
      case 2:
        interleave<2>(codes, count, to);
        break;
      case 3:
        interleave<3>(codes, count, to);
        break;
      default:
        interleave<4>(codes, count, to);
    }
  }
}

void quantize_pixels(const float* x, std::int64_t pixels, std::int64_t channels, std::int64_t pixel_stride,
                     const kernels::QuantizeParams& params, std::uint8_t* out) noexcept {
  const auto quantize = kernels::elementwise().quantize;
  if (pixel_stride == channels) {
    quantize(x, static_cast<std::size_t>(pixels * channels), params, out, nullptr);
    return;
  }
  if (channels >= kNarrow) {
    for (std::int64_t p = 0; p < pixels; ++p)
      quantize(x + p * channels, static_cast<std::size_t>(channels), params, out + p * pixel_stride, nullptr);
    return;
  }
  std::uint8_t codes[kStretch];
  const std::int64_t block = kStretch / channels;
  for (std::int64_t p = 0; p < pixels; p += block) {
    const std::int64_t count = std::min(block, pixels - p);
    quantize(x + p * channels, static_cast<std::size_t>(count * channels), params, codes, nullptr);
    switch (channels) {
      case 1:
        spread<1>(codes, count, channels, pixel_stride, out + p * pixel_stride);
        break;
      case 3:
        spread<3>(codes, count, channels, pixel_stride, out + p * pixel_stride);
        break;
      default:
        spread<0>(codes, count, channels, pixel_stride, out + p * pixel_stride);
    }
  }
}

}  // namespace lowbit
