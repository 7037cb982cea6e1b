// SPDX-License-Identifier: Apache-2.0
// Rows of codes on NEON: 16 bytes of codes become words, which smlal multiplies and adds, by words of their
// own in a dot product, all by one in a sum of rows.
#include <arm_neon.h>

#include <cstdint>

#include "kernels/rows/row_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr std::int64_t kStep = 16;  // bytes

template <int Bits>
constexpr int kParts = 8 / Bits;

/// Codes of one part of the bytes: all of them, or their low or high halves.
template <int Bits>
inline uint8x16_t part_of(uint8x16_t bytes, int part) {
  if (Bits == 8) return bytes;
  return part == 0 ? vandq_u8(bytes, vdupq_n_u8(15)) : vshrq_n_u8(bytes, 4);
}
template <int Bits>
inline std::int32_t part_of(std::uint8_t byte, int part) {
  return Bits == 8 ? byte : part == 0 ? byte & 15 : byte >> 4;
}

inline int16x8_t low_words(uint8x16_t bytes) {
  return vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
}
inline int16x8_t high_words(uint8x16_t bytes) {
  return vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
}

template <int Bits, int Keys>
inline void dot_tile(const RowProduct& p, std::int64_t r, std::int64_t j) {
  const std::int16_t* words = p.words + r * p.words_stride;
  const std::uint8_t* codes = p.codes + j * p.codes_stride;
  int32x4_t sums[Keys][2];
  for (auto& s : sums) s[0] = s[1] = vdupq_n_s32(0);
  std::int64_t at = 0;
  for (; at + kStep <= p.bytes; at += kStep) {
    uint8x16_t bytes[Keys];
    for (int k = 0; k < Keys; ++k) bytes[k] = vld1q_u8(codes + k * p.codes_stride + at);
    for (int part = 0; part < kParts<Bits>; ++part) {
      const std::int16_t* w = words + part * p.bytes + at;
      const int16x8_t first = vld1q_s16(w), second = vld1q_s16(w + 8);
      for (int k = 0; k < Keys; ++k) {
        const uint8x16_t c = part_of<Bits>(bytes[k], part);
        const int16x8_t low = low_words(c), high = high_words(c);
        sums[k][0] = vmlal_s16(sums[k][0], vget_low_s16(low), vget_low_s16(first));
        sums[k][1] = vmlal_s16(sums[k][1], vget_high_s16(low), vget_high_s16(first));
        sums[k][0] = vmlal_s16(sums[k][0], vget_low_s16(high), vget_low_s16(second));
        sums[k][1] = vmlal_s16(sums[k][1], vget_high_s16(high), vget_high_s16(second));
      }
    }
  }
  for (int k = 0; k < Keys; ++k) {
    std::int32_t out = vaddvq_s32(vaddq_s32(sums[k][0], sums[k][1]));
    for (std::int64_t b = at; b < p.bytes; ++b)
      for (int part = 0; part < kParts<Bits>; ++part)
        out += words[part * p.bytes + b] * part_of<Bits>(codes[k * p.codes_stride + b], part);
    p.out[r * p.out_stride + j + k] = out;
  }
}

template <int Bits>
void dot(const RowProduct& p) {
  std::int64_t j = 0;
  for (; j + 4 <= p.count; j += 4)
    for (std::int64_t r = 0; r < p.rows; ++r) dot_tile<Bits, 4>(p, r, j);
  for (; j < p.count; ++j)
    for (std::int64_t r = 0; r < p.rows; ++r) dot_tile<Bits, 1>(p, r, j);
}

/// 16 bytes of all rows.
template <int Bits, int Rows>
inline void sum_tile(const RowProduct& p, std::int64_t r, std::int64_t at) {
  const std::int16_t* words = p.words + r * p.words_stride;
  int32x4_t sums[Rows][kParts<Bits>][4];
  for (auto& row : sums)
    for (auto& part : row)
      for (auto& s : part) s = vdupq_n_s32(0);
  for (std::int64_t j = 0; j < p.count; ++j) {
    const uint8x16_t bytes = vld1q_u8(p.codes + j * p.codes_stride + at);
    for (int part = 0; part < kParts<Bits>; ++part) {
      const uint8x16_t c = part_of<Bits>(bytes, part);
      const int16x8_t low = low_words(c), high = high_words(c);
      for (int i = 0; i < Rows; ++i) {
        const std::int16_t w = words[i * p.words_stride + j];
        sums[i][part][0] = vmlal_n_s16(sums[i][part][0], vget_low_s16(low), w);
        sums[i][part][1] = vmlal_n_s16(sums[i][part][1], vget_high_s16(low), w);
        sums[i][part][2] = vmlal_n_s16(sums[i][part][2], vget_low_s16(high), w);
        sums[i][part][3] = vmlal_n_s16(sums[i][part][3], vget_high_s16(high), w);
      }
    }
  }
  for (int i = 0; i < Rows; ++i)
    for (int part = 0; part < kParts<Bits>; ++part)
      for (int quarter = 0; quarter < 4; ++quarter)
        vst1q_s32(p.out + (r + i) * p.out_stride + part * p.bytes + at + quarter * 4, sums[i][part][quarter]);
}

template <int Bits>
void sum(const RowProduct& p) {
  std::int64_t at = 0;
  for (; at + kStep <= p.bytes; at += kStep) {
    std::int64_t r = 0;
    for (; r + 2 <= p.rows; r += 2) sum_tile<Bits, 2>(p, r, at);
    if (r < p.rows) sum_tile<Bits, 1>(p, r, at);
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

const RowKernel kRowsNeon{"rows/neon", Isa::neon, dot<8>, dot<4>, sum<8>, sum<4>};

}  // namespace lowbit::kernels
