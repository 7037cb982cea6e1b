// SPDX-License-Identifier: Apache-2.0
// The codes of one tensor as floats for AVX2. A load that widens codes costs two of the four instructions
// that a vector has room for, so 16 codes are loaded into both 128-bit lanes at once and a byte shuffle
// makes dwords of 8 of them.
//
// u8: every other dword of a lane is overwritten by bytes 0x4B. The shuffle puts a code into the low byte and
// 0x4B into the high byte of a dword, which is the float 2^23 + code.
//
//   lane 0:  c0..c3 | 4B ...  | c8..c11 | 4B ...       lane 1:  4B ... | c4..c7 | 4B ... | c12..c15
//
// s8: the shuffle puts a code into the high byte of a dword, which is the integer code * 2^24.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes_avx2.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

template <bool kSigned, bool kSymmetric>
class CodeReals {
 public:
  explicit CodeReals(const DequantizeParams& q) {
    const auto zero = static_cast<float>(q.zero_point);
    const float scale = kSigned ? q.scale * 0x1p-24f : q.scale;
    scale_ = broadcast_f(scale);
    if constexpr (kSigned) {
      zero_ = broadcast_f(zero * 0x1p24f);
    } else {
      zero_ = broadcast_f(kSymmetric ? -kMagic * scale : kMagic + zero);
    }
  }

  /// Whether the factors above are exact. The sum of the symmetric u8 case would lose the sign of a zero.
  static bool takes(float scale) {
    if (kSigned) return scale >= 0x1p-100f || scale <= -0x1p-100f;
    return !kSymmetric || (scale > 0.0f && scale <= 0x1p100f);
  }

  void store_block(float* out, const std::uint8_t* codes) const {
    const __m256i a = load_twice(codes), b = load_twice(codes + 16);
    const VecF f0 = real(_mm256_shuffle_epi8(a, shuffle(0))), f1 = real(_mm256_shuffle_epi8(a, shuffle(8)));
    const VecF f2 = real(_mm256_shuffle_epi8(b, shuffle(0))), f3 = real(_mm256_shuffle_epi8(b, shuffle(8)));
    store_f(out, f0);
    store_f(out + 8, f1);
    store_f(out + 16, f2);
    store_f(out + 24, f3);
  }

 private:
  static constexpr float kMagic = 0x1p23f;

  /// 8 dwords, one for each of codes `first` to `first + 7` of a lane; k: a byte of 0x4B, in either lane.
  static __m256i shuffle(char first) {
    const auto c = [first](int t) { return static_cast<char>(first + t); };
    constexpr char z = -1, k0 = 4, k1 = 0;
    if constexpr (kSigned)
      return _mm256_setr_epi8(z, z, z, c(0), z, z, z, c(1), z, z, z, c(2), z, z, z, c(3),  //
                              z, z, z, c(4), z, z, z, c(5), z, z, z, c(6), z, z, z, c(7));
    return _mm256_setr_epi8(c(0), z, z, k0, c(1), z, z, k0, c(2), z, z, k0, c(3), z, z, k0,  //
                            c(4), z, z, k1, c(5), z, z, k1, c(6), z, z, k1, c(7), z, z, k1);
  }

  /// 16 codes in both lanes.
  static __m256i load_twice(const std::uint8_t* p) {
    const __m128i loaded = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i codes = _mm256_broadcastsi128_si256(loaded);
    return kSigned ? codes : _mm256_blend_epi32(codes, _mm256_set1_epi8(0x4B), 0x5A);
  }

  VecF real(__m256i code) const {
    if constexpr (kSigned) {
      const VecF f = to_float(code);
      return mul_f(kSymmetric ? f : sub_f(f, zero_), scale_);
    } else {
      const VecF f = _mm256_castsi256_ps(code);
      return kSymmetric ? _mm256_fmadd_ps(f, scale_, zero_) : mul_f(sub_f(f, zero_), scale_);
    }
  }

  VecF zero_, scale_;
};

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
