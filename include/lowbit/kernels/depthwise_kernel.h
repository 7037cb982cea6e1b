// SPDX-License-Identifier: Apache-2.0
// The interface between depthwise convolution kernels and the driver: plain data only, as in gemm_kernel.h.
// A kernel computes rows of one sample, channels last,
//
//   out[y][x][c] = epilogue( sum over ky, kx:  in[iy][ix][c] * W[c][ky][kx] )
//   iy = y * stride_height + ky * dilation_height - pad_top, and ix likewise from x and kx
//
// with exact int32 (mod 2^32) accumulation. Every channel is a convolution of its own, so that a kernel puts
// channels across the lanes of a vector and reuses what it loads for neighbouring output pixels, which a
// matrix product cannot do. Taps that fall into the padding read the codes at `zero_offset`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

/// What is fixed when a layer is built. Sizes are at least 1.
struct DepthwiseShape {
  std::uint32_t channels = 1;  ///< in and out; a channel multiplier is applied to the input first: expand()
  std::uint32_t in_height = 1, in_width = 1;
  std::size_t in_pixel_bytes = 1;  ///< from pixel to pixel; at least `channels` rounded up to a multiple of 4
  std::uint32_t out_height = 1, out_width = 1;
  std::uint32_t kernel_height = 1, kernel_width = 1;
  std::uint32_t stride_height = 1, stride_width = 1;
  std::uint32_t dilation_height = 1, dilation_width = 1;
  std::uint32_t pad_top = 0, pad_left = 0;
};

/// Output rows [first_row, last_row) of one sample.
struct DepthwiseArgs {
  const DepthwiseShape* shape = nullptr;
  const std::byte* panel = nullptr;  ///< what pack() made for this shape
  const std::uint8_t* in = nullptr;  ///< pixel (0, 0); every pixel is readable up to the next multiple of 4
                                     ///< codes, contents beyond `channels` ignored
  std::ptrdiff_t zero_offset = 0;    ///< from `in` to a pixel that holds the zero point in every channel
  std::uint32_t first_row = 0, last_row = 0;
  /// As in gemm_kernel.h, with these meanings: columns are channels, [channels]; a sample is quantized as a
  /// whole, so row_a and row_scale are [1]; row_b and col_b are not used; pixel y * out_width + x of the
  /// residual lies at residual + that * residual_row_bytes.
  Epilogue epilogue;
  void* out = nullptr;  ///< pixel (0, 0); overlaps neither the input nor the residual
  std::size_t out_pixel_bytes = 0;
};

/// Repeats every code of a pixel: out[p][c * multiplier + i] = in[p][c]. This is how a convolution with
/// several output channels for each input channel becomes one with as many of both.
struct DepthwiseExpand {
  const std::uint8_t* in = nullptr;
  std::size_t pixels = 0, in_pixel_bytes = 0;
  std::uint32_t channels = 0, multiplier = 1;  ///< channels of the input
  std::uint8_t* out = nullptr;
  std::size_t out_pixel_bytes = 0;
};

/// A table entry. All function pointers are set.
struct DepthwiseKernel {
  const char* name;  ///< e.g. "depthwise/avx2"
  Isa required;
  std::uint16_t row_step;  ///< preferred multiple of output rows for a call
  /// Weights are code - zero_point, in [-255, 255], as [channels][kernel_height * kernel_width].
  std::size_t (*panel_bytes)(const DepthwiseShape& shape, const std::int16_t* weights);
  /// The panel is zeroed by the caller and 64-byte aligned.
  void (*pack)(const DepthwiseShape& shape, const std::int16_t* weights, std::byte* panel);
  void (*run)(const DepthwiseArgs& args);
  void (*expand)(const DepthwiseExpand& args);
};

/// Every kernel of this build, best first, the scalar reference last. `*count` entries.
const DepthwiseKernel* const* depthwise_kernels(std::size_t* count);
/// The first kernel that `isa` allows.
const DepthwiseKernel& select_depthwise_kernel(Isa isa);

}  // namespace lowbit::kernels
