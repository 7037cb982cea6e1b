// SPDX-License-Identifier: Apache-2.0
// The loops of the NEON kernels with integer activations, the same for every engine and format. Read this
// file first. An engine (neon_engine_<instruction>.inl) multiplies: smull on any aarch64, sdot and usmmla
// where they are. A policy (neon_decode.inl) makes int8 weights of the codes of a format. The kernel file
// chooses one engine and names two policies, as neon_panel.inl asks for; the panel is drawn there too.
//
// A block of kCols columns is taken through all rows before the next. Few rows decode the weights in
// registers, as the panel streams past; for more rows a block is decoded once, to int8 on the stack. Both run
// the same tile. With several scale groups a tile has four rows at most, so that its floats stay in registers
// too: a group of 32 codes is over so soon that storing them would cost more than the smaller tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/neon/neon_weights.inl"

namespace lowbit::kernels::neon {
namespace {

constexpr unsigned kHalves = Engine::kCols / 4;

inline uint8x16_t flipped(uint8x16_t codes) {
  return Engine::kFlip ? veorq_u8(codes, vdupq_n_u8(0x80)) : codes;
}

/// The `left` < 16 codes from a[at] on, the rest zero; `at` codes before them belong to the same run.
inline LOWBIT_ALWAYS_INLINE uint8x16_t load_tail(const std::uint8_t* a, std::uint32_t at,
                                                 std::uint32_t left) {
  alignas(16) static constexpr std::uint8_t kIota[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};
  const uint8x16_t iota = vld1q_u8(kIota);
  if (at != 0) {
    const auto skip = static_cast<std::uint8_t>(16 - left);
    return vqtbl1q_u8(flipped(vld1q_u8(a + at - skip)), vaddq_u8(iota, vdupq_n_u8(skip)));
  }
  std::uint8_t buffer[16] = {};
  const std::uint32_t words = left / 4 * 4;
  if (left >= 4) __builtin_memcpy(buffer, a, 4);
  if (left >= 8) __builtin_memcpy(buffer + 4, a + 4, 4);
  if (left >= 12) __builtin_memcpy(buffer + 8, a + 8, 4);
  if (left % 4 >= 1) buffer[words] = a[words];
  if (left % 4 >= 2) buffer[words + 1] = a[words + 1];
  if (left % 4 >= 3) buffer[words + 2] = a[words + 2];
  const uint8x16_t valid = vcltq_u8(iota, vdupq_n_u8(static_cast<std::uint8_t>(left)));
  return vandq_u8(flipped(vld1q_u8(buffer)), valid);
}

/// kRows rows of one block.
template <class Source, unsigned kRows, bool kExact>
struct Strip {
  using Tile = typename Engine::template Tile<kRows, kExact>;
  Tile tile;
  Source source;

  /// Granule kAt of the codes of A that the tile holds, and those after it, `codes` in all.
  template <unsigned kAt>
  inline LOWBIT_ALWAYS_INLINE void granules(std::uint32_t codes) {
    constexpr unsigned kCodes = Source::kSteps * Engine::kStepCodes;
    if constexpr (kAt * kCodes < 16) {
      if (kAt * kCodes >= codes) return;
      int8x16_t w[Source::kVecs];
      source.load(w);
      steps<kAt * Source::kSteps, 0>(w);
      granules<kAt + 1>(codes);
    }
  }
  template <unsigned kFirst, unsigned kStep>
  inline LOWBIT_ALWAYS_INLINE void steps(const int8x16_t* w) {
    if constexpr (kStep < Source::kSteps) {
      tile.template step<kFirst + kStep>(w + kStep * Engine::kStepVecs);
      steps<kFirst, kStep + 1>(w);
    }
  }

  inline LOWBIT_ALWAYS_INLINE void run(const std::uint8_t* const* a, std::uint32_t codes) {
    uint8x16_t lhs[kRows];
    std::uint32_t t = 0;
    for (; t + 16 <= codes; t += 16) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) lhs[i] = flipped(vld1q_u8(a[i] + t));
      tile.set_lhs(lhs);
      granules<0>(16);
    }
    if (t == codes) return;
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) lhs[i] = load_tail(a[i], t, codes - t);
    tile.set_lhs(lhs);
    granules<0>(codes - t);
  }
};

inline LOWBIT_ALWAYS_INLINE void read_sums(const std::byte* record, bool compact, int32x4_t* sums) {
#pragma GCC unroll 64
  for (unsigned h = 0; h < kHalves; ++h) {
    if (compact) {
      sums[h] = vmovl_s16(vld1_s16(reinterpret_cast<const std::int16_t*>(record) + 4 * h));
    } else {
      sums[h] = vld1q_s32(reinterpret_cast<const std::int32_t*>(record) + 4 * h);
    }
  }
}

inline LOWBIT_ALWAYS_INLINE void read_scales(const std::byte* record, bool compact, float32x4_t* scales) {
  if (compact) {
    const auto* halves = reinterpret_cast<const __fp16*>(record) + Engine::kCols;
#pragma GCC unroll 64
    for (unsigned h = 0; h < kHalves; ++h) scales[h] = vcvt_f32_f16(vld1_f16(halves + 4 * h));
  } else {
    const auto* floats = reinterpret_cast<const float*>(record) + Engine::kCols;
#pragma GCC unroll 64
    for (unsigned h = 0; h < kHalves; ++h) scales[h] = vld1q_f32(floats + 4 * h);
  }
}

template <unsigned kShift>
inline LOWBIT_ALWAYS_INLINE float32x4_t shifted_float(int32x4_t sum) {
  if constexpr (kShift == 0) return vcvtq_f32_s32(sum);
  return vcvtq_n_f32_s32(sum, kShift == 0 ? 1 : kShift);
}

template <unsigned kShift>
inline LOWBIT_ALWAYS_INLINE int32x4_t shifted(int32x4_t sum) {
  if constexpr (kShift == 0) return sum;
  return vshrq_n_s32(sum, kShift == 0 ? 1 : kShift);
}

template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void row_pointers(const TileArgs& args, const KRun& run, unsigned i0,
                                              const std::uint8_t** a) {
  const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) a[i] = args.a + offset[i] + run.offset;
}

/// The integer sums of kRows rows, for a matrix with one scale group: out [kRows][kCols].
template <class Source, unsigned kRows, bool kExact>
LOWBIT_NOINLINE void accumulate(const TileArgs& args, const Block& b, unsigned i0, std::int32_t* out) {
  Strip<Source, kRows, kExact> strip;
  using Tile = typename Strip<Source, kRows, kExact>::Tile;
  strip.source.start(b.block, b.scratch);
  strip.source.start_group(b.records + b.record_bytes);
  int32x4_t values[Tile::kValues], sums[kHalves];
  read_sums(b.records, false, sums);
  strip.tile.begin(sums, RowFactors<kRows>(Engine::kFlip, nullptr));
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const std::uint8_t* a[kRows];
    row_pointers<kRows>(args, args.runs[r], i0, a);
    strip.run(a, args.runs[r].codes);
  }
#pragma GCC unroll 64
  for (unsigned n = 0; n < Tile::kValues; ++n) values[n] = shifted<Source::kShift>(strip.tile.value(n));
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned h = 0; h < kHalves; ++h)
      vst1q_s32(out + i * Engine::kCols + 4 * h, Tile::row(values, i, h));
}

/// The scaled sums of kRows rows, for a matrix with several scale groups: out [kRows][kCols].
template <class Source, unsigned kRows, bool kExact>
LOWBIT_NOINLINE void accumulate(const TileArgs& args, const Block& b, unsigned i0, float* out) {
  Strip<Source, kRows, kExact> strip;
  using Tile = typename Strip<Source, kRows, kExact>::Tile;
  const bool compact = b.header->compact;
  const RowFactors<kRows> factors(Engine::kFlip, args.epilogue.row_a ? args.epilogue.row_a + i0 : nullptr);
  const std::byte* record = b.records;
  float32x4_t f[Tile::kValues];
#pragma GCC unroll 64
  for (unsigned n = 0; n < Tile::kValues; ++n) f[n] = vdupq_n_f32(0.0f);
  strip.source.start(b.block, b.scratch);
  for (std::uint32_t r = 0; r < args.run_count; ++r, record += b.record_bytes) {
    int32x4_t sums[kHalves];
    read_sums(record, compact, sums);
    strip.tile.begin(sums, factors);
    strip.source.start_group(record + b.record_bytes);
    for (;; ++r) {
      const std::uint8_t* a[kRows];
      row_pointers<kRows>(args, args.runs[r], i0, a);
      strip.run(a, args.runs[r].codes);
      if (args.runs[r].flush) break;
    }
    float32x4_t scales[kHalves];
    read_scales(record, compact, scales);
#pragma GCC unroll 64
    for (unsigned n = 0; n < Tile::kValues; ++n)
      f[n] = vfmaq_f32(f[n], shifted_float<Source::kShift>(strip.tile.value(n)), Tile::columns(scales, n));
  }
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned h = 0; h < kHalves; ++h) vst1q_f32(out + i * Engine::kCols + 4 * h, Tile::row(f, i, h));
}

/// Column j of the panel on, and row i on; T: int32 for one scale group, float for several.
template <class T>
struct Place {
  const TileArgs& args;
  const Block& block;
  unsigned j, i;

  /// As many tiles of kRows rows as fit.
  template <class Source, unsigned kRows>
  void rows() {
    constexpr bool kMayBeExact = !Engine::kWideProducts && Source::kFullRange;
    alignas(16) T out[kRows * Engine::kCols];
    const unsigned n = args.n - j < Engine::kCols ? args.n - j : Engine::kCols;
    for (; i + kRows <= args.m; i += kRows) {
      if (kMayBeExact && block.header->exact) {
        accumulate<Source, kRows, kMayBeExact>(args, block, i, out);
      } else {
        accumulate<Source, kRows, false>(args, block, i, out);
      }
      epilogue(args, out, Engine::kCols, i, kRows, j, n);
    }
  }
};

/// Rows of the largest tile.
template <class T>
constexpr unsigned kTopRows = Engine::kMaxRows;
template <>
constexpr unsigned kTopRows<float> = 4;

/// All rows of a block of columns.
template <class Decode, class T>
void run_block(const TileArgs& args, const Block& b, unsigned j, bool fits) {
  constexpr unsigned kTop = kTopRows<T>;
  Place<T> at = {args, b, j, 0};
  if constexpr (Decode::kBits < 8) {
    if (fits && args.m > kTop) {
      decode_block<Decode>(args, b, b.scratch);
      at.template rows<Decoded<Decode>, kTop>();
      at.template rows<Decoded<Decode>, 4>();
    }
  }
  at.template rows<Packed<Decode>, kTop>();  // those that are left
  at.template rows<Packed<Decode>, 4>();
  at.template rows<Packed<Decode>, 2>();
  at.template rows<Packed<Decode>, 1>();
}

template <class Decode>
void run_blocks(const TileArgs& args, const PanelHeader& header, std::byte* scratch) {
  const bool fits = std::size_t{header.granules} * Granule<Decode>::kVecs * 16 <= kScratchBytes;
  const std::byte* block = args.panel + sizeof(PanelHeader);
  for (unsigned j = 0; j < args.n; j += Engine::kCols, block += header.block_bytes) {
    const std::byte* codes = block + (Decode::kTables ? 16 * Engine::kStepVecs : 0);
    const Block b = {block, scratch, codes + header.code_bytes,
                     record_bytes<Decode>(header.grouped, header.compact), &header};
    if (header.grouped) {
      run_block<Decode, float>(args, b, j, fits);
    } else {
      run_block<Decode, std::int32_t>(args, b, j, fits);
    }
  }
}

template <class Decode>
void run_decoding(const TileArgs& args, const PanelHeader& header) {
  alignas(64) std::byte scratch[kScratchBytes];
  run_blocks<Decode>(args, header, scratch);
}

void neon_run(const TileArgs& args) {
  PanelHeader header;
  __builtin_memcpy(&header, args.panel, sizeof(header));
  if constexpr (Affine::kBits == 8) {
    run_blocks<Affine>(args, header, nullptr);
  } else if (header.affine) {
    run_decoding<Affine>(args, header);
  } else {
    run_decoding<Centered>(args, header);
  }
}

constexpr GemmKernel neon_kernel(const char* name, WeightFormat format, Isa required) {
  return {.name = name,
          .format = format,
          .act = ActType::u8,
          .required = required,
          .reference = false,
          .nr = 64,
          .n_step = Engine::kCols,
          .kr = Granule<Affine>::kCodes,
          .m_step = Engine::kMaxRows,
          .supports = neon_supports,
          .panel_bytes = neon_panel_bytes,
          .pack = neon_pack,
          .run = neon_run};
}

}  // namespace
}  // namespace lowbit::kernels::neon
