// SPDX-License-Identifier: Apache-2.0
// The reference of depthwise convolution: one output at a time, plain loops.
//
//   panel:  int16 weights as given, [channels][taps]
#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

#include "kernels/simd/vec_scalar.inl"

#include "kernels/gemm/common/epilogue.inl"

namespace lowbit::kernels::depthwise {
namespace {

std::size_t panel_bytes(const DepthwiseShape& s, const std::int16_t*) {
  return std::size_t{s.channels} * s.kernel_height * s.kernel_width * sizeof(std::int16_t);
}

void pack(const DepthwiseShape& s, const std::int16_t* weights, std::byte* panel) {
  __builtin_memcpy(panel, weights, panel_bytes(s, weights));
}

/// The sum of one channel of one output pixel, modulo 2^32.
std::int32_t sum_of(const DepthwiseArgs& args, std::int64_t oy, std::int64_t ox, std::uint32_t c) {
  const DepthwiseShape& s = *args.shape;
  const auto* w =
      reinterpret_cast<const std::int16_t*>(args.panel) + std::size_t{c} * s.kernel_height * s.kernel_width;
  std::uint32_t sum = 0;
  for (std::int64_t ky = 0; ky < s.kernel_height; ++ky)
    for (std::int64_t kx = 0; kx < s.kernel_width; ++kx, ++w) {
      const std::int64_t y = oy * s.stride_height - s.pad_top + ky * s.dilation_height;
      const std::int64_t x = ox * s.stride_width - s.pad_left + kx * s.dilation_width;
      const bool inside = y >= 0 && y < s.in_height && x >= 0 && x < s.in_width;
      const auto pixel = static_cast<std::ptrdiff_t>(s.in_pixel_bytes);
      const std::ptrdiff_t at = inside ? (y * s.in_width + x) * pixel : args.zero_offset;
      sum += static_cast<std::uint32_t>(args.in[at + c] * *w);
    }
  return static_cast<std::int32_t>(sum);
}

void run(const DepthwiseArgs& args) {
  const DepthwiseShape& s = *args.shape;
  for (std::uint32_t y = args.first_row; y < args.last_row; ++y)
    for (std::uint32_t x = 0; x < s.out_width; ++x) {
      // The epilogue of a product with one row: this pixel.
      const std::size_t pixel = std::size_t{y} * s.out_width + x;
      TileArgs row;
      row.epilogue = args.epilogue;
      row.epilogue.row_b = nullptr;
      if (row.epilogue.residual) row.epilogue.residual += pixel * row.epilogue.residual_row_bytes;
      row.c = static_cast<std::byte*>(args.out) + pixel * args.out_pixel_bytes;
      for (std::uint32_t c = 0; c < s.channels; ++c) {
        const std::int32_t sum = sum_of(args, y, x, c);
        epilogue(row, &sum, 1, 0, 1, c, 1);
      }
    }
}

void expand(const DepthwiseExpand& e) {
  for (std::size_t p = 0; p < e.pixels; ++p)
    for (std::uint32_t c = 0; c < e.channels; ++c)
      for (std::uint32_t i = 0; i < e.multiplier; ++i)
        e.out[p * e.out_pixel_bytes + std::size_t{c} * e.multiplier + i] = e.in[p * e.in_pixel_bytes + c];
}

}  // namespace
}  // namespace lowbit::kernels::depthwise

namespace lowbit::kernels {

extern constinit const DepthwiseKernel kDepthwiseScalar = {.name = "depthwise/scalar",
                                                           .required = Isa::scalar,
                                                           .row_step = 1,
                                                           .panel_bytes = depthwise::panel_bytes,
                                                           .pack = depthwise::pack,
                                                           .run = depthwise::run,
                                                           .expand = depthwise::expand};

}  // namespace lowbit::kernels
