// SPDX-License-Identifier: Apache-2.0
// Eight vectors of four states. NEON has no gather: entries of the table are loaded one by one, by the
// indices of two states in a 64-bit register. The words that the states of two vectors take in lie one after
// the other, and TBL, by a row of a table that their mask chooses, hands them out (Giesen, "Interleaved
// entropy coders", 2014).
#include <arm_neon.h>

#include <cstdint>

#include "kernels/coding/rans_kernel.h"
#include "kernels/coding/rans_scalar.inl"

namespace lowbit::kernels {
namespace {

/// For each mask of eight lanes, where in the next eight words each lane's is (0xff: it takes none, which TBL
/// makes 0), and how many are taken.
struct LaneWords {
  std::uint8_t bytes[256][16];
  std::uint8_t counts[256];
  constexpr LaneWords() : bytes(), counts() {
    for (int mask = 0; mask < 256; ++mask) {
      int next = 0;
      for (int lane = 0; lane < 8; ++lane) {
        const bool takes = (mask >> lane & 1) != 0;
        bytes[mask][2 * lane] = static_cast<std::uint8_t>(takes ? 2 * next : 0xff);
        bytes[mask][2 * lane + 1] = static_cast<std::uint8_t>(takes ? 2 * next + 1 : 0xff);
        next += takes ? 1 : 0;
      }
      counts[mask] = static_cast<std::uint8_t>(next);
    }
  }
};
constexpr LaneWords kLaneWords;

inline uint32x4_t low_bits() {
  return vdupq_n_u32((1u << kRansBits) - 1);
}

inline uint32x2_t two_entries(const std::uint32_t* table, std::uint64_t slots) {
  const std::uint32_t* const first = table + static_cast<std::uint32_t>(slots);
  return vld1_lane_u32(table + (slots >> 32), vld1_dup_u32(first), 1);
}

inline uint32x4_t entries(const std::uint32_t* table, uint32x4_t x) {
  const uint64x2_t slots = vreinterpretq_u64_u32(vandq_u32(x, low_bits()));
  return vcombine_u32(two_entries(table, vgetq_lane_u64(slots, 0)),
                      two_entries(table, vgetq_lane_u64(slots, 1)));
}

/// States without the symbols of these entries, before they take in words.
inline uint32x4_t without(uint32x4_t x, uint32x4_t entry) {
  const uint32x4_t quotient = vshrq_n_u32(x, kRansBits);
  const uint32x4_t more = vandq_u32(vshrq_n_u32(entry, kRansBits), low_bits());  // frequency - 1
  return vmlaq_u32(vaddq_u32(quotient, vandq_u32(entry, low_bits())), quotient, more);
}

/// Those of eight states below kRansLow take in a word each, and `words` goes on.
inline void take_words(uint32x4_t& a, uint32x4_t& b, const std::uint16_t*& words) {
  static constexpr std::uint16_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint32x4_t low = vdupq_n_u32(kRansLow), shift = vdupq_n_u32(16);
  const uint32x4_t small_a = vcltq_u32(a, low), small_b = vcltq_u32(b, low);
  const uint16x8_t small = vuzp1q_u16(vreinterpretq_u16_u32(small_a), vreinterpretq_u16_u32(small_b));
  const std::uint16_t mask = vaddvq_u16(vandq_u16(small, vld1q_u16(kBits)));
  const uint16x8_t taken = vreinterpretq_u16_u8(
      vqtbl1q_u8(vreinterpretq_u8_u16(vld1q_u16(words)), vld1q_u8(kLaneWords.bytes[mask])));
  words += kLaneWords.counts[mask];
  a = vorrq_u32(vshlq_u32(a, vreinterpretq_s32_u32(vandq_u32(small_a, shift))),
                vmovl_u16(vget_low_u16(taken)));
  b = vorrq_u32(vshlq_u32(b, vreinterpretq_s32_u32(vandq_u32(small_b, shift))), vmovl_high_u16(taken));
}

/// Symbols from the top bytes of entries, in order.
inline uint8x16_t symbols_of(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) {
  const uint16x8_t ab = vuzp2q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
  const uint16x8_t cd = vuzp2q_u16(vreinterpretq_u16_u32(c), vreinterpretq_u16_u32(d));
  return vuzp2q_u8(vreinterpretq_u8_u16(ab), vreinterpretq_u8_u16(cd));
}

/// A symbol of each of 16 states.
inline void step(const std::uint32_t* table, uint32x4_t& a, uint32x4_t& b, uint32x4_t& c, uint32x4_t& d,
                 const std::uint16_t*& words, std::uint8_t* out) {
  const uint32x4_t e0 = entries(table, a), e1 = entries(table, b), e2 = entries(table, c),
                   e3 = entries(table, d);
  a = without(a, e0), b = without(b, e1), c = without(c, e2), d = without(d, e3);
  take_words(a, b, words);
  take_words(c, d, words);
  vst1q_u8(out, symbols_of(e0, e1, e2, e3));
}

std::int64_t decode(const RansDecode& d) {
  if (d.streams != kRansLanes) return decode_from(d, 0, 0);
  // Written out: an array of states would live in memory.
  uint32x4_t x0 = vld1q_u32(d.states), x1 = vld1q_u32(d.states + 4), x2 = vld1q_u32(d.states + 8),
             x3 = vld1q_u32(d.states + 12), x4 = vld1q_u32(d.states + 16), x5 = vld1q_u32(d.states + 20),
             x6 = vld1q_u32(d.states + 24), x7 = vld1q_u32(d.states + 28);
  const std::uint32_t* const table = d.table;
  const auto turn = [&](const std::uint16_t*& words, std::uint8_t* out) LOWBIT_ALWAYS_INLINE {
    step(table, x0, x1, x2, x3, words, out);
    step(table, x4, x5, x6, x7, words, out + 16);
  };
  const RansPlace rest = decode_turns(d, turn);
  vst1q_u32(d.states, x0), vst1q_u32(d.states + 4, x1), vst1q_u32(d.states + 8, x2);
  vst1q_u32(d.states + 12, x3), vst1q_u32(d.states + 16, x4), vst1q_u32(d.states + 20, x5);
  vst1q_u32(d.states + 24, x6), vst1q_u32(d.states + 28, x7);
  return decode_from(d, rest.symbol, rest.word);
}

}  // namespace

const RansKernel kRansNeon{"rans/neon", Isa::neon, decode};

}  // namespace lowbit::kernels
