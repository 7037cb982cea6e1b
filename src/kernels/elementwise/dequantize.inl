// SPDX-License-Identifier: Apache-2.0
// Codes to floats: float(code - zero_point) * scale, exact up to the one rounding of the product.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/round_to_codes_checked.inl"
#include "lowbit/kernels/elementwise_kernel.h"

#if LOWBIT_VECTOR_BITS == 256
#include "kernels/elementwise/code_reals_avx2.inl"
#else
#include "kernels/elementwise/code_reals.inl"
#endif

namespace lowbit::kernels::elementwise_loops {
namespace {

template <bool kSigned>
inline VecI load_codes(const std::uint8_t* p) {
  if constexpr (kSigned) {
    return load_codes_s8(p);
  } else {
    return load_codes_u8(p);
  }
}

/// n codes, at least kBlock; the last block overlaps where n is not a multiple.
template <bool kSigned>
void dequantize_channels(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  const Channels<float> scale(q.scales, q.scale);
  const Channels<std::int32_t> zero(q.zero_points, q.zero_point);
  const auto block = [&](std::size_t i) {
    const std::int32_t* z = zero.at(i);
    const float* s = scale.at(i);
    for (unsigned t = 0; t < kBlock; t += kLanes) {
      const VecI steps = sub_i(load_codes<kSigned>(x + i + t), load_i(z + t));
      store_f(out + i + t, mul_f(to_float(steps), load_f(s + t)));
    }
  };
  for (std::size_t i = 0; i + kBlock < n; i += kBlock) block(i);
  block(n - kBlock);
}

/// The same for one scale and zero point. Stores that cross cache lines cost twice, so the second block
/// begins at an aligned address within the first.
template <bool kSigned, bool kSymmetric>
void dequantize_tensor(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  const CodeReals<kSigned, kSymmetric> reals(q);
  reals.store_block(out, x);
  const std::size_t last = n - kBlock;
  std::size_t i = kBlock - reinterpret_cast<std::uintptr_t>(out) / sizeof(float) % kLanes;
  for (; i + kBlock < last; i += 2 * kBlock) {
    reals.store_block(out + i, x + i);
    reals.store_block(out + i + kBlock, x + i + kBlock);
  }
  if (i < last) reals.store_block(out + i, x + i);
  reals.store_block(out + last, x + last);
}

template <bool kSigned>
void dequantize_full(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  const bool one_for_all = q.scales == nullptr && q.zero_points == nullptr;
  if (one_for_all && q.zero_point == 0 && CodeReals<kSigned, true>::takes(q.scale)) {
    dequantize_tensor<kSigned, true>(x, n, q, out);
  } else if (one_for_all && CodeReals<kSigned, false>::takes(q.scale)) {
    dequantize_tensor<kSigned, false>(x, n, q, out);
  } else {
    dequantize_channels<kSigned>(x, n, q, out);
  }
}

void dequantize(const void* codes, std::size_t n, const DequantizeParams& q, float* out) {
  const auto* x = static_cast<const std::uint8_t*>(codes);
  const auto full = q.type == CodeType::s8 ? dequantize_full<true> : dequantize_full<false>;
  if (n >= kBlock) return full(x, n, q, out);
  Padded<std::uint8_t> in;
  Padded<float> scales;
  Padded<std::int32_t> zeros;
  DequantizeParams padded = q;
  padded.scales = scales.copy(q.scales, n);
  padded.zero_points = zeros.copy(q.zero_points, n);
  float block[kBlock];
  full(in.copy(x, n), kBlock, padded, block);
  __builtin_memcpy(out, block, n * sizeof(float));
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
