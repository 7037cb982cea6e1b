// SPDX-License-Identifier: Apache-2.0
// What the depthwise kernels for x86 share, 16 bytes at a time.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace lowbit::kernels::depthwise {
namespace {

inline __m128i load_16(const std::uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline void lookup(const std::uint8_t* table, const std::uint8_t* index, std::uint32_t offset,
                   std::uint8_t* out) {
  const __m128i at = _mm_add_epi8(load_16(index), _mm_set1_epi8(static_cast<char>(offset)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(load_16(table), at));
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
