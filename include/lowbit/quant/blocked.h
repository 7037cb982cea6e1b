// SPDX-License-Identifier: Apache-2.0
// Quantizing and dequantizing whole tensors whose scales differ along an axis, or from block to block of an
// axis, as ONNX's QuantizeLinear and DequantizeLinear describe them by `axis` and `block_size`. For
// the codes of ONNX, which divides by the scale, pass ScaleArithmetic::division.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"

namespace lowbit {

/// Which scale belongs to which element of a tensor; views, alive for the call.
///   one scale:         it belongs to all; `axis` and `block_size` mean nothing
///   block_size 0:      scale i belongs to the elements whose index along `axis` is i
///   block_size b > 0:  the scales form a tensor too, row-major, of the same shape but for dimension `axis`,
///                      which is divided by b and rounded up: index i along it belongs to block i / b
struct BlockedQParams {
  std::span<const float> scales;
  std::span<const std::int32_t> zero_points{};  ///< as many as scales, or none: all 0
  int axis = 0;                                 ///< negative: from the last one, which is -1
  std::int64_t block_size = 0;
};

/// What x is multiplied with or divided by. The two differ by a rounding error, which moves a value that lies
/// next to the middle between two codes to the other one.
enum class ScaleArithmetic : std::uint8_t {
  reciprocal,  ///< x * (1 / scale): the codes of quantize() in quantize.h and of every layer
  division,    ///< x / scale: the codes of ONNX
};

/// Codes in the order of the logical elements of `x`, last dimension fastest, whatever its strides are.
/// Throws Error(shape_mismatch) when a number of scales, zero points or codes does not fit the shape,
/// Error(invalid_argument) for an axis or a block size that cannot be, and as quantize() does of one scale.
void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes, std::span<std::int32_t> out,
              ScaleArithmetic scaling = ScaleArithmetic::reciprocal);
void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes, std::span<std::int8_t> out,
              ScaleArithmetic scaling = ScaleArithmetic::reciprocal);
void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes, std::span<std::uint8_t> out,
              ScaleArithmetic scaling = ScaleArithmetic::reciprocal);

/// out = float(code - zero_point) * scale. Throws as above, but takes any scale and zero point.
void dequantize(std::span<const std::int32_t> codes, const BlockedQParams& q, const MutableTensorView& out);
void dequantize(std::span<const std::int8_t> codes, const BlockedQParams& q, const MutableTensorView& out);
void dequantize(std::span<const std::uint8_t> codes, const BlockedQParams& q, const MutableTensorView& out);

/// code = encode(x scaled + 0), one a byte: as the zero point 0 of ONNX does, the sum makes +0 of -0. Throws
/// Error(invalid_argument) too when a zero point is not 0.
void quantize(const TensorView& x, const BlockedQParams& q, MiniFloat format, std::span<std::uint8_t> out,
              minifloat::Overflow overflow = minifloat::Overflow::saturate,
              ScaleArithmetic scaling = ScaleArithmetic::reciprocal);
/// out = decode(code) * scale.
void dequantize(std::span<const std::uint8_t> codes, const BlockedQParams& q, MiniFloat format,
                const MutableTensorView& out);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/blocked-inl.h"
#endif
