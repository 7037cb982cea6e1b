// SPDX-License-Identifier: Apache-2.0
// The FP32 path, which is also the baseline that every speed-up is quoted against. One table entry per ISA:
// the same source (eigen_kernels.inl) over Eigen's product and Eigen's packets, compiled with wider flags and
// with Eigen's namespace renamed, behind a POD interface that keeps Eigen out of every other file.
#pragma once

#include <cstdint>

#include "lowbit/kernels/cpu.h"

namespace lowbit::fp32 {

/// C = A * W^T with A m x k, W n x k, C m x n, all row-major with row strides in elements.
struct GemmArgs {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  const float* w = nullptr;
  std::int64_t w_stride = 0;
  float* c = nullptr;
  std::int64_t c_stride = 0;
  const float* bias = nullptr;  ///< [n], or null
  float lo = 0.0f, hi = 0.0f;   ///< activation
  float* scratch = nullptr;     ///< gemm_scratch(m, n, k) floats, 64-byte aligned
};

/// What a convolution over channels-last samples looks like; one group of it.
struct ConvShape {
  std::int64_t in_height = 0, in_width = 0, in_stride = 0;  ///< in_stride: elements from pixel to pixel
  std::int64_t channels = 0;                                ///< of one group
  std::int64_t kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1, pad_top = 0, pad_left = 0;
  std::int64_t out_width = 0, out_stride = 0;
  std::int64_t n = 0;           ///< output channels of one group
  std::int64_t pad_bottom = 0;  ///< that to the right shows in out_width
  /// The sums of the definition: where a weight is infinite, transformed ones would give NaN.
  bool is_plain = false;

  std::int64_t k() const { return kernel_height * kernel_width * channels; }
};

/// Packed weights of output channels from n0, a multiple of this, start at n0 * k(): a part of them is a
/// convolution of its own.
inline constexpr std::int64_t kFeatureStep = 64;

/// Computes output pixels [first, last) of one sample.
struct ConvArgs {
  const ConvShape* shape = nullptr;
  std::int64_t first = 0, last = 0;
  const float* in = nullptr;        ///< first channel of the group in pixel 0
  const float* weights = nullptr;   ///< packed
  const float* bias = nullptr;      ///< [n]
  const float* residual = nullptr;  ///< like out, or null
  float* out = nullptr;
  float lo = 0.0f, hi = 0.0f;  ///< activation
  float* scratch = nullptr;    ///< conv_scratch(shape) floats, 64-byte aligned
};

/// Adds to `sums`, for output pixels [first, last) of one sample, the products of each element of a pixel's
/// patch with each of its `n` gradients. 16 floats behind the last of `in` and of `gradient` are readable.
struct GradientArgs {
  const ConvShape* shape = nullptr;
  std::int64_t first = 0, last = 0;
  const float* in = nullptr;        ///< first channel of the group in pixel 0
  const float* gradient = nullptr;  ///< of the output: [pixel][out_stride]
  float* sums = nullptr;            ///< [k()][gradient_pitch(shape)]; columns from n on mean nothing
  float* scratch = nullptr;         ///< gradient_scratch(shape) floats, 64-byte aligned
};

struct Fp32Kernel {
  const char* name;  ///< e.g. "eigen/avx512"
  Isa required;
  void (*gemm)(const GemmArgs&);
  std::int64_t (*gemm_scratch)(std::int64_t m, std::int64_t n, std::int64_t k);
  /// `weights` is [n][k] with k in the order (kernel row, kernel column, channel).
  std::int64_t (*conv_packed_size)(const ConvShape&);
  void (*conv_pack)(const ConvShape&, const float* weights, float* packed);
  std::int64_t (*conv_scratch)(const ConvShape&);
  /// `first` and `last` of `conv` are multiples of this number of pixels, or the end of the sample.
  std::int64_t (*conv_unit)(const ConvShape&);
  void (*conv)(const ConvArgs&);
  /// One channel per group: `channels` == `n`, weights [kernel row][kernel column][channel]; needs no
  /// scratch.
  void (*depthwise)(const ConvArgs&);
  /// The product of `gemm`, for few rows: bias is not null, no scratch is used. A part of the rows of W, of
  /// C's columns with them, is a product of its own with the same result.
  void (*linear)(const GemmArgs&);
  std::int64_t (*gradient_pitch)(const ConvShape&);
  std::int64_t (*gradient_scratch)(const ConvShape&);
  void (*weight_gradient)(const GradientArgs&);
};

/// The best entry that `isa` allows.
const Fp32Kernel& fp32_kernel(Isa isa);
/// Every entry of this build, best first, the generic one last.
const Fp32Kernel* const* fp32_kernels(std::int64_t* count);

}  // namespace lowbit::fp32
