// SPDX-License-Identifier: Apache-2.0
// Where the bits of each block type lie. Bytes are little-endian.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "io/gguf/ggml_blocks.h"
#include "lowbit/core/half.h"

namespace lowbit::detail::ggml {

inline constexpr std::int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
/// FP4 E2M1, doubled. The format has one zero.
inline constexpr std::int8_t kDoubledFp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

inline float half_at(const std::uint8_t* p) {
  return float16::decode(static_cast<std::uint16_t>(p[0] | p[1] << 8));
}
inline void put_half(float value, std::uint8_t* p) {
  const std::uint16_t bits = float16::encode(value);
  p[0] = static_cast<std::uint8_t>(bits), p[1] = static_cast<std::uint8_t>(bits >> 8);
}

/// 32 weights in 16 bytes: weight j in the low half of byte j, weight j + 16 in its high half.
inline void unpack_halves(const std::uint8_t* p, Block& block) {
  for (std::size_t j = 0; j < 16; ++j) {
    block.q[j] = p[j] & 15;
    block.q[j + 16] = p[j] >> 4;
  }
}
inline void pack_halves(const Block& block, std::uint8_t* p) {
  for (std::size_t j = 0; j < 16; ++j)
    p[j] = static_cast<std::uint8_t>((block.q[j] & 15) | (block.q[j + 16] & 15) << 4);
}
/// The fifth bits of 32 weights, one after the other.
inline void unpack_fifth_bits(const std::uint8_t* p, Block& block) {
  for (std::size_t i = 0; i < 32; ++i)
    block.q[i] = static_cast<std::uint8_t>(block.q[i] | (p[i / 8] >> (i % 8) & 1) << 4);
}
inline void pack_fifth_bits(const Block& block, std::uint8_t* p) {
  for (std::size_t i = 0; i < 32; ++i) {
    if (i % 8 == 0) p[i / 8] = 0;
    p[i / 8] = static_cast<std::uint8_t>(p[i / 8] | (block.q[i] >> 4 & 1) << (i % 8));
  }
}

/// kBits of q_0 (4) or q_1 (4) and so on: the scale, the offset where there is one, fifth bits, halves.
template <int kBits, bool kOffset>
struct Halves {
  static constexpr std::size_t kHigh = kOffset ? 4 : 2, kLow = kBits == 5 ? kHigh + 4 : kHigh;
  static void unpack(const std::uint8_t* p, Block& block) {
    block.scales[0] = half_at(p);
    if (kOffset) block.offsets[0] = half_at(p + 2);
    unpack_halves(p + kLow, block);
    if (kBits == 5) unpack_fifth_bits(p + kHigh, block);
  }
  static void pack(const Block& block, std::uint8_t* p) {
    put_half(block.scales[0], p);
    if (kOffset) put_half(block.offsets[0], p + 2);
    if (kBits == 5) pack_fifth_bits(block, p + kHigh);
    pack_halves(block, p + kLow);
  }
};

struct Q8 {  // q is the signed byte + 128
  static void unpack(const std::uint8_t* p, Block& block) {
    block.scales[0] = half_at(p);
    for (std::size_t i = 0; i < 32; ++i) block.q[i] = p[2 + i] ^ 0x80;
  }
  static void pack(const Block& block, std::uint8_t* p) {
    put_half(block.scales[0], p);
    for (std::size_t i = 0; i < 32; ++i) p[2 + i] = block.q[i] ^ 0x80;
  }
};

struct MxFp4 {  // the scale is half of 2^(e - 127), for the doubled levels
  static void unpack(const std::uint8_t* p, Block& block) {
    block.scales[0] = std::ldexp(1.0f, p[0] - 128);
    unpack_halves(p + 1, block);
  }
  static void pack(const Block& block, std::uint8_t* p) {
    p[0] = static_cast<std::uint8_t>(std::ilogb(block.scales[0]) + 128);
    pack_halves(block, p + 1);
  }
};

/// Bits `shift` and up of the two-bit fields that q2_k and q3_k share: 128 weights in 32 bytes, four runs of
/// 32 that have one pair of bits of every byte.
inline void unpack_pairs(const std::uint8_t* p, Block& block) {
  for (std::size_t i = 0; i < 256; ++i) block.q[i] = p[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

struct Q2K {
  static void unpack(const std::uint8_t* p, Block& block) {
    const float d = half_at(p + 80), dmin = half_at(p + 82);
    for (std::size_t g = 0; g < 16; ++g) {
      block.scales[g] = d * static_cast<float>(p[g] & 15);
      block.offsets[g] = -(dmin * static_cast<float>(p[g] >> 4));
    }
    unpack_pairs(p + 16, block);
  }
};

struct Q3K {
  static void unpack(const std::uint8_t* p, Block& block) {
    const std::uint8_t* scales = p + 96;
    const float d = half_at(p + 108);
    for (std::size_t g = 0; g < 16; ++g) {
      const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
      const int high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
      block.scales[g] = d * static_cast<float>((low | high << 4) - 32);
    }
    unpack_pairs(p + 32, block);
    for (std::size_t i = 0; i < 256; ++i)
      block.q[i] = static_cast<std::uint8_t>(block.q[i] | (p[i % 32] >> (i / 32) & 1) << 2);
  }
};

/// Eight scales and eight minima of 6 bits in 12 bytes, of q4_k and q5_k.
inline void unpack_scales_and_minima(const std::uint8_t* p, Block& block) {
  const float d = half_at(p), dmin = half_at(p + 2);
  const std::uint8_t* packed = p + 4;
  for (std::size_t g = 0; g < 8; ++g) {
    int scale = packed[g] & 63, minimum = packed[(g + 4) % 12] & 63;
    if (g >= 4) {
      scale = (packed[g + 4] & 15) | packed[g - 4] >> 6 << 4;
      minimum = packed[g + 4] >> 4 | packed[g] >> 6 << 4;
    }
    block.scales[g] = d * static_cast<float>(scale);
    block.offsets[g] = -(dmin * static_cast<float>(minimum));
  }
}
/// 64 weights in 32 bytes: the low halves, then the high ones.
inline void unpack_runs_of_halves(const std::uint8_t* p, Block& block) {
  for (std::size_t i = 0; i < 256; ++i) block.q[i] = p[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
}

struct Q4K {
  static void unpack(const std::uint8_t* p, Block& block) {
    unpack_scales_and_minima(p, block);
    unpack_runs_of_halves(p + 16, block);
  }
};
struct Q5K {
  static void unpack(const std::uint8_t* p, Block& block) {
    unpack_scales_and_minima(p, block);
    unpack_runs_of_halves(p + 48, block);
    for (std::size_t i = 0; i < 256; ++i)
      block.q[i] = static_cast<std::uint8_t>(block.q[i] | (p[16 + i % 32] >> (i / 32) & 1) << 4);
  }
};

struct Q6K {
  static void unpack(const std::uint8_t* p, Block& block) {
    const float d = half_at(p + 208);
    for (std::size_t g = 0; g < 16; ++g)
      block.scales[g] = d * static_cast<float>(static_cast<std::int8_t>(p[192 + g]));
    for (std::size_t i = 0; i < 256; ++i) {
      const std::size_t half = i / 128, run = i % 128 / 32;
      const int low = p[half * 64 + i % 64] >> (run / 2 * 4) & 15;
      const int high = p[128 + half * 32 + i % 32] >> (run * 2) & 3;
      block.q[i] = static_cast<std::uint8_t>(low | high << 4);
    }
  }
};

struct Tq2 {
  static void unpack(const std::uint8_t* p, Block& block) {
    block.scales[0] = half_at(p + 64);
    unpack_pairs(p, block);
  }
  static void pack(const Block& block, std::uint8_t* p) {
    for (std::size_t i = 0; i < 64; ++i) p[i] = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      std::uint8_t& byte = p[i / 128 * 32 + i % 32];
      byte = static_cast<std::uint8_t>(byte | (block.q[i] & 3) << (i % 128 / 32 * 2));
    }
    put_half(block.scales[0], p + 64);
  }
};

/// Five digits of base 3 in a byte v, the first one the most significant: v is about their number * 256 /
/// 243, so that digit n is the high byte of 3 * (v * 3^n modulo 256). 32 bytes, then 16, each with digits 0
/// of all of them first; then 4 bytes of four digits.
struct Tq1 {
  static constexpr std::uint8_t kPowers[5] = {1, 3, 9, 27, 81};
  struct Place {
    std::size_t byte, digit;
  };
  static constexpr Place place(std::size_t i) {
    if (i < 160) return {i % 32, i / 32};
    if (i < 240) return {32 + (i - 160) % 16, (i - 160) / 16};
    return {48 + (i - 240) % 4, (i - 240) / 4};
  }
  static void unpack(const std::uint8_t* p, Block& block) {
    block.scales[0] = half_at(p + 52);
    for (std::size_t i = 0; i < 256; ++i) {
      const Place at = place(i);
      const auto rest = static_cast<std::uint8_t>(p[at.byte] * kPowers[at.digit]);
      block.q[i] = static_cast<std::uint8_t>(rest * 3 >> 8);
    }
  }
  static void pack(const Block& block, std::uint8_t* p) {
    int numbers[52] = {};
    for (std::size_t i = 0; i < 256; ++i) {
      const Place at = place(i);
      numbers[at.byte] += block.q[i] * kPowers[4 - at.digit];
    }
    for (std::size_t i = 0; i < 52; ++i) p[i] = static_cast<std::uint8_t>((numbers[i] * 256 + 242) / 243);
    put_half(block.scales[0], p + 52);
  }
};

}  // namespace lowbit::detail::ggml
