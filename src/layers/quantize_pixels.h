// SPDX-License-Identifier: Apache-2.0
// Between a sample of floats, whose pixels are contiguous, and a sample of codes, whose pixels may have gaps.
#pragma once

#include <cstdint>

#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

/// Quantizes `pixels` pixels of `channels` floats each into pixels `pixel_stride` codes apart. Codes in the
/// gaps are left as they are.
void quantize_pixels(const float* x, std::int64_t pixels, std::int64_t channels, std::int64_t pixel_stride,
                     const kernels::QuantizeParams& params, std::uint8_t* out) noexcept;

/// The most channels that quantize_planes() takes.
constexpr std::int64_t kMostPlanes = 4;

/// The same of channels that lie apart: those of pixel p at x[p], x[p + plane_stride], ... Codes in the gaps
/// may become anything.
void quantize_planes(const float* x, std::int64_t plane_stride, std::int64_t pixels, std::int64_t channels,
                     std::int64_t pixel_stride, const kernels::QuantizeParams& params,
                     std::uint8_t* out) noexcept;

}  // namespace lowbit
