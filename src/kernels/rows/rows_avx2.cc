// SPDX-License-Identifier: Apache-2.0
// Rows of codes on AVX2: 16 bytes of codes become words, which vpmaddwd multiplies and adds in pairs. A dot
// product takes pairs of neighbouring columns; a sum of rows takes the codes of two rows, interleaved.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/rows/row_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr std::int64_t kStep = 16;  // bytes

template <int Bits>
constexpr int kParts = 8 / Bits;

/// Codes of one part of the bytes: all of them, or their low or high halves.
template <int Bits>
inline __m128i part_of(__m128i bytes, int part) {
  if (Bits == 8) return bytes;
  return _mm_and_si128(part == 0 ? bytes : _mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
}
template <int Bits>
inline std::int32_t part_of(std::uint8_t byte, int part) {
  return Bits == 8 ? byte : part == 0 ? byte & 15 : byte >> 4;
}

inline __m128i load16(const std::uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m256i load_words(const std::int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

/// The sum of each of four vectors.
inline __m128i sums_of(const __m256i (&v)[4]) {
  const __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

/// Four rows of codes, of which those from `Keys` on are missing.
template <int Bits, int Rows, int Keys>
inline void dot_tile(const RowProduct& p, std::int64_t r, std::int64_t j) {
  const std::int16_t* words = p.words + r * p.words_stride;
  const std::uint8_t* codes = p.codes + j * p.codes_stride;
  __m256i sums[Rows][4];
  for (int i = 0; i < Rows; ++i)
    for (int k = 0; k < 4; ++k) sums[i][k] = _mm256_setzero_si256();
  std::int64_t at = 0;
  for (; at + kStep <= p.bytes; at += kStep) {
    __m128i bytes[Keys];
    for (int k = 0; k < Keys; ++k) bytes[k] = load16(codes + k * p.codes_stride + at);
    for (int part = 0; part < kParts<Bits>; ++part) {
      __m256i w[Rows];
      for (int i = 0; i < Rows; ++i) w[i] = load_words(words + i * p.words_stride + part * p.bytes + at);
      for (int k = 0; k < Keys; ++k) {
        const __m256i c = _mm256_cvtepu8_epi16(part_of<Bits>(bytes[k], part));
        for (int i = 0; i < Rows; ++i) sums[i][k] = _mm256_add_epi32(sums[i][k], _mm256_madd_epi16(w[i], c));
      }
    }
  }
  for (int i = 0; i < Rows; ++i) {
    std::int32_t out[4];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sums_of(sums[i]));
    for (int k = 0; k < Keys; ++k) {
      for (std::int64_t b = at; b < p.bytes; ++b)
        for (int part = 0; part < kParts<Bits>; ++part)
          out[k] += words[i * p.words_stride + part * p.bytes + b] *
                    part_of<Bits>(codes[k * p.codes_stride + b], part);
      p.out[(r + i) * p.out_stride + j + k] = out[k];
    }
  }
}

template <int Bits, int Keys>
inline void dot_columns(const RowProduct& p, std::int64_t j) {
  std::int64_t r = 0;
  for (; r + 2 <= p.rows; r += 2) dot_tile<Bits, 2, Keys>(p, r, j);
  if (r < p.rows) dot_tile<Bits, 1, Keys>(p, r, j);
}

template <int Bits>
void dot(const RowProduct& p) {
  std::int64_t j = 0;
  for (; j + 4 <= p.count; j += 4) dot_columns<Bits, 4>(p, j);
  for (; j < p.count; ++j) dot_columns<Bits, 1>(p, j);
}

/// 16 bytes of all rows.
template <int Bits, int Rows>
inline void sum_tile(const RowProduct& p, std::int64_t r, std::int64_t at) {
  const std::int16_t* words = p.words + r * p.words_stride;
  const std::uint8_t* codes = p.codes + at;
  __m256i sums[Rows][kParts<Bits>][2];
  for (auto& row : sums)
    for (auto& part : row) part[0] = part[1] = _mm256_setzero_si256();
  const auto add = [&](__m128i first, __m128i second, const std::int32_t(&pairs)[Rows]) {
    for (int part = 0; part < kParts<Bits>; ++part) {
      const __m128i a = part_of<Bits>(first, part), b = part_of<Bits>(second, part);
      const __m256i low = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)),
                    high = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
      for (int i = 0; i < Rows; ++i) {
        const __m256i pair = _mm256_set1_epi32(pairs[i]);
        sums[i][part][0] = _mm256_add_epi32(sums[i][part][0], _mm256_madd_epi16(pair, low));
        sums[i][part][1] = _mm256_add_epi32(sums[i][part][1], _mm256_madd_epi16(pair, high));
      }
    }
  };
  std::int32_t pairs[Rows];
  std::int64_t j = 0;
  for (; j + 2 <= p.count; j += 2) {
    for (int i = 0; i < Rows; ++i) std::memcpy(&pairs[i], words + i * p.words_stride + j, sizeof(pairs[i]));
    add(load16(codes + j * p.codes_stride), load16(codes + (j + 1) * p.codes_stride), pairs);
  }
  if (j < p.count) {
    for (int i = 0; i < Rows; ++i)
      pairs[i] = static_cast<std::uint16_t>(words[i * p.words_stride + j]);  // the second one is 0
    add(load16(codes + j * p.codes_stride), _mm_setzero_si128(), pairs);
  }
  for (int i = 0; i < Rows; ++i)
    for (int part = 0; part < kParts<Bits>; ++part)
      for (int half = 0; half < 2; ++half)
        _mm256_storeu_si256(
            reinterpret_cast<__m256i*>(p.out + (r + i) * p.out_stride + part * p.bytes + at + half * 8),
            sums[i][part][half]);
}

template <int Bits>
void sum(const RowProduct& p) {
  constexpr int kRows = Bits == 8 ? 4 : 2;
  std::int64_t at = 0;
  for (; at + kStep <= p.bytes; at += kStep) {
    std::int64_t r = 0;
    for (; r + kRows <= p.rows; r += kRows) sum_tile<Bits, kRows>(p, r, at);
    for (; r < p.rows; ++r) sum_tile<Bits, 1>(p, r, at);
  }
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int64_t b = at; b < p.bytes; ++b)
      for (int part = 0; part < kParts<Bits>; ++part) {
        std::int32_t total = 0;
        for (std::int64_t j = 0; j < p.count; ++j)
          total += p.words[r * p.words_stride + j] * part_of<Bits>(p.codes[j * p.codes_stride + b], part);
        p.out[r * p.out_stride + part * p.bytes + b] = total;
      }
}

}  // namespace

const RowKernel kRowsAvx2{"rows/avx2", Isa::avx2, dot<8>, dot<4>, sum<8>, sum<4>};

}  // namespace lowbit::kernels
