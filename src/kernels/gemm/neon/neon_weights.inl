// SPDX-License-Identifier: Apache-2.0
// Where the tiles of neon_loops.inl take int8 weights from: the packed codes of a block, decoded as they are
// read, or a block that was decoded before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/neon/neon_panel.inl"

namespace lowbit::kernels::neon {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;  // decoded weights of a block

/// What the decoder of a block needs beside the codes: tables, or the zero points of a group.
template <class Decode>
struct Extras {
  int8x16_t value[Engine::kStepVecs];

  inline LOWBIT_ALWAYS_INLINE void read_tables(const std::byte* tables) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < Engine::kStepVecs; ++v)
      value[v] = vld1q_s8(reinterpret_cast<const std::int8_t*>(tables) + 16 * v);
  }

  /// Spreads the zero points at the end of a record over the bytes of their columns.
  inline LOWBIT_ALWAYS_INLINE void read_zero_points(const std::byte* record_end) {
    std::uint64_t bytes = 0;
    __builtin_memcpy(&bytes, record_end - Engine::kCols, Engine::kCols);
    const int8x16_t zeros = vcombine_s8(vcreate_s8(bytes), vcreate_s8(0));
    alignas(16) static constexpr std::uint8_t kIota[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                           8, 9, 10, 11, 12, 13, 14, 15};
    constexpr unsigned kColsPerVec = Engine::kCols / Engine::kStepVecs;
    constexpr int kShift = Engine::kStepCodes == 4 ? 2 : Engine::kStepCodes == 8 ? 3 : 4;
    const uint8x16_t column = vshrq_n_u8(vld1q_u8(kIota), kShift);
#pragma GCC unroll 64
    for (unsigned v = 0; v < Engine::kStepVecs; ++v)
      value[v] = vqtbl1q_s8(zeros, vaddq_u8(column, vdupq_n_u8(static_cast<std::uint8_t>(v * kColsPerVec))));
  }
};

/// Weights of a block, decoded as they are read.
template <class Decode>
struct Packed {
  static constexpr unsigned kSteps = Granule<Decode>::kSteps, kVecs = Granule<Decode>::kVecs;
  static constexpr unsigned kShift = Decode::kShift;
  static constexpr bool kFullRange = Decode::kMaxWeight == 128;
  const std::byte* codes;
  Extras<Decode> extras;

  inline LOWBIT_ALWAYS_INLINE void start(const std::byte* block, const std::byte*) {
    codes = block;
    if constexpr (Decode::kTables) {
      extras.read_tables(block);
      codes += 16 * Engine::kStepVecs;
    }
  }
  inline LOWBIT_ALWAYS_INLINE void start_group(const std::byte* record_end) {
    if constexpr (Decode::kZeroPoints) extras.read_zero_points(record_end);
  }
  inline LOWBIT_ALWAYS_INLINE void load(int8x16_t* w) {
    constexpr unsigned kPerVec = Granule<Decode>::kPerVec;
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; v += kPerVec) {
      const uint8x16_t p = vld1q_u8(reinterpret_cast<const std::uint8_t*>(codes) + v / kPerVec * 16);
      Decode::decode(p, extras.value, v, w + v);
    }
    codes += Granule<Decode>::kBytes;
  }
};

/// Weights of a block that were decoded before.
template <class Decode>
struct Decoded {
  static constexpr unsigned kSteps = Granule<Decode>::kSteps, kVecs = Granule<Decode>::kVecs;
  static constexpr unsigned kShift = Decode::kShift;
  static constexpr bool kFullRange = Decode::kMaxWeight == 128;
  const std::byte* codes;

  inline LOWBIT_ALWAYS_INLINE void start(const std::byte*, const std::byte* scratch) { codes = scratch; }
  inline LOWBIT_ALWAYS_INLINE void start_group(const std::byte*) {}
  inline LOWBIT_ALWAYS_INLINE void load(int8x16_t* w) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v)
      w[v] = vld1q_s8(reinterpret_cast<const std::int8_t*>(codes) + 16 * v);
    codes += 16 * kVecs;
  }
};

/// A block of a panel, as the tiles see it.
struct Block {
  const std::byte* block;
  std::byte* scratch;
  const std::byte* records;
  std::size_t record_bytes;
  const PanelHeader* header;
};

template <class Decode>
void decode_block(const TileArgs& args, const Block& b, std::byte* out) {
  Packed<Decode> source;
  source.start(b.block, nullptr);
  const std::byte* record_end = b.records + b.record_bytes;
  source.start_group(record_end);
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    for (std::uint32_t t = 0; t < run.codes; t += Granule<Decode>::kCodes, out += 16 * source.kVecs) {
      int8x16_t w[source.kVecs];
      source.load(w);
#pragma GCC unroll 64
      for (unsigned v = 0; v < source.kVecs; ++v)
        vst1q_s8(reinterpret_cast<std::int8_t*>(out) + 16 * v, w[v]);
    }
    if (run.flush && r + 1 < args.run_count) source.start_group(record_end += b.record_bytes);
  }
}

}  // namespace
}  // namespace lowbit::kernels::neon
