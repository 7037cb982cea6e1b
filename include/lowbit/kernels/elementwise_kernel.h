// The interface of the vectorized loops that convert between floats and u8 codes. One table entry per ISA,
// all functions set; every entry gives the same bits as the scalar one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/isa.h"

namespace lowbit {

/// Parameters of a quantization: code = clamp(rint(x * inverse_scale), lo, hi) + zero_point, where lo = qmin
/// - zero_point and hi = qmax - zero_point as floats. NaN gives zero_point, +Inf qmax, -Inf qmin. The library
/// multiplies by the stored reciprocal everywhere; it never divides (docs/quantization.md says why).
struct QuantizeParams {
  float inverse_scale = 1.0f;
  float lo = -128.0f, hi = 127.0f;
  std::int32_t zero_point = 0;
};

struct ElementwiseKernel {
  const char* name;  ///< e.g. "elementwise/avx2"
  Isa required;
  /// f32 to u8 codes (0..255), contiguous.
  void (*quantize_u8)(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out);
  /// (float(code) - zero) * scale, contiguous.
  void (*dequantize_u8)(const std::uint8_t* x, std::size_t n, float scale, float zero, float* out);
  /// Smallest and largest finite element; min > max (+inf, -inf) when there is none. Returns how many
  /// elements are not finite.
  std::size_t (*min_max)(const float* x, std::size_t n, float* min, float* max);
  /// out = clamp(rint((a - za) * ma + (b - zb) * mb), lo, hi) + zero_point: the sum of two u8 tensors,
  /// requantized.
  void (*add_u8)(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const struct AddParams& p,
                 std::uint8_t* out);
  /// Sum of the codes of a row: what a zero point of the weights needs.
  std::int32_t (*sum_u8)(const std::uint8_t* x, std::size_t n);
};

/// ma = scale_a / scale_out and so on, rounded to float once.
struct AddParams {
  float a_zero = 0, b_zero = 0, a_multiplier = 0, b_multiplier = 0, lo = 0, hi = 255;
  std::int32_t zero_point = 0;
};

/// The best entry that active_isa() allows; found once.
const ElementwiseKernel& elementwise();
/// Every entry of this build, best first, scalar last.
const ElementwiseKernel* const* elementwise_kernels(std::size_t* count);

}  // namespace lowbit
