// SPDX-License-Identifier: Apache-2.0
// Products of few rows with f32 activations: weights are decoded in registers, one k at a time, and
// multiplied with a broadcast activation of each row, fma in order of K.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/f32/f32_decode.inl"
#include "kernels/simd/vec.inl"
namespace lowbit::kernels::f32 {
namespace {

// Bytes of the panel that are fetched ahead for a single row, which waits for memory more than it computes.
constexpr std::size_t kAhead = 1536;

struct F32Panel {
  F32Header h;
  std::uint32_t width;
  bool grouped;
  const float* table;
  const std::byte* first;

  explicit F32Panel(const TileArgs& args) {
    __builtin_memcpy(&h, args.panel, sizeof(h));
    width = panel_width(args.n);
    grouped = h.scale_bytes != 0;
    table = reinterpret_cast<const float*>(args.panel + kHeaderBytes);
    first = args.panel + kHeaderBytes + table_bytes(h, width);
  }
  std::size_t group_bytes() const { return std::size_t{width} * (h.scale_bytes + h.zero_bytes); }
  /// Of kLanes columns from column j of `group` on.
  VecF scales_at(const std::byte* group, unsigned j) const {
    return h.scale_bytes == 2 ? load_halves(group + j * 2)
                              : load_f(reinterpret_cast<const float*>(group + j * 4));
  }
  VecF zeros_at(const std::byte* group, unsigned j) const {
    return load_bytes_f(group + width * h.scale_bytes + j);
  }
};

template <Kind kKind, unsigned kRows, unsigned kVecs>
struct F32Tile {
  VecF sum[kRows][kVecs], total[kRows][kVecs], zero[kVecs];

  inline LOWBIT_ALWAYS_INLINE void clear(VecF (&v)[kRows][kVecs]) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (unsigned t = 0; t < kVecs; ++t) v[i][t] = broadcast_f(0.0f);
  }

  /// `count` values of k, a whole dword of codes if kWhole; the first at a[i].
  template <bool kWhole, class D>
  inline LOWBIT_ALWAYS_INLINE void step(const D& decoder, const float* const (&a)[kRows], const std::byte* p,
                                        unsigned count) {
    VecI codes[kVecs];
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVecs; ++v) {
      codes[v] = load_codes(p + v * kLanes * 4);
      if (kRows == 1 && v * kLanes * 4 % 64 == 0) __builtin_prefetch(p + v * kLanes * 4 + kAhead);
    }
#pragma GCC unroll 8
    for (unsigned t = 0; t < (kWhole ? kStepCodes : count); ++t)
#pragma GCC unroll 8
      for (unsigned v = 0; v < kVecs; ++v) {
        VecF w;
        if constexpr (kWhole && D::kWithoutShifts) {
          w = decoder.weight_in_place(codes[v], t);
        } else {
          w = decoder.weight(codes[v], zero[v]);
          codes[v] = next_code(codes[v]);
        }
#pragma GCC unroll 8
        for (unsigned i = 0; i < kRows; ++i) sum[i][v] = fma_f(broadcast_f(a[i][t]), w, sum[i][v]);
      }
  }

  inline LOWBIT_ALWAYS_INLINE void flush(const F32Panel& panel, const std::byte* scales) {
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = panel.scales_at(scales, v * kLanes);
#pragma GCC unroll 8
      for (unsigned i = 0; i < kRows; ++i) total[i][v] = fma_f(sum[i][v], scale, total[i][v]);
    }
    clear(sum);
  }
};

/// Rows [i0, i0 + kRows) of kVecs column vectors from column j0 on, into out[row][kVecs * kLanes].
template <Kind kKind, unsigned kRows, unsigned kVecs>
LOWBIT_NOINLINE void accumulate(const TileArgs& args, const F32Panel& panel, unsigned i0, unsigned j0,
                                float* out) {
  F32Tile<kKind, kRows, kVecs> tile;
  tile.clear(tile.sum);
  tile.clear(tile.total);
  const Decoder<kKind> decoder(panel.table, j0);
  const std::byte *p = panel.first, *group = p;
  const std::size_t step_bytes = std::size_t{panel.width} * 4;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    if (r == 0 || args.runs[r - 1].flush) {
      group = p;
      p += panel.group_bytes();
      if constexpr (kKind == Kind::zeros) {
#pragma GCC unroll 8
        for (unsigned v = 0; v < kVecs; ++v)
          tile.zero[v] = Decoder<kKind>::zero(panel.zeros_at(group, j0 + v * kLanes));
      }
    }
    const float* a[kRows];
#pragma GCC unroll 8
    for (unsigned i = 0; i < kRows; ++i)
      a[i] = reinterpret_cast<const float*>(args.a + args.a_offset[run.tap * args.a_offset_stride + i0 + i] +
                                            run.offset * 4);
    std::uint32_t left = run.codes;
    for (; left >= kStepCodes; left -= kStepCodes, p += step_bytes) {
      tile.template step<true>(decoder, a, p + j0 * 4, kStepCodes);
#pragma GCC unroll 8
      for (unsigned i = 0; i < kRows; ++i) a[i] += kStepCodes;
    }
    if (left > 0) {
      tile.template step<false>(decoder, a, p + j0 * 4, left);
      p += step_bytes;
    }
    if (run.flush && panel.grouped) tile.flush(panel, group + j0 * panel.h.scale_bytes);
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVecs; ++v)
      store_f(out + (i * kVecs + v) * kLanes, panel.grouped ? tile.total[i][v] : tile.sum[i][v]);
}

template <Kind kKind, unsigned kRows, unsigned kVecs>
inline unsigned columns(const TileArgs& args, const F32Panel& panel, unsigned i0, unsigned j) {
  alignas(64) float out[kRows * kVecs * kLanes];
  for (; j + kVecs * kLanes <= panel.width; j += kVecs * kLanes) {
    accumulate<kKind, kRows, kVecs>(args, panel, i0, j, out);
    const unsigned left = args.n - j;
    epilogue(args, out, kVecs * kLanes, i0, kRows, j, left < kVecs * kLanes ? left : kVecs * kLanes);
  }
  return j;
}

template <Kind kKind, unsigned kRows>
unsigned rows(const TileArgs& args, const F32Panel& panel, unsigned i) {
  for (; i + kRows <= args.m; i += kRows) {
    const unsigned j = columns<kKind, kRows, tile_vecs(kRows)>(args, panel, i, 0);
    if constexpr (tile_vecs(kRows) > 1) columns<kKind, kRows, 1>(args, panel, i, j);
  }
  return i;
}

template <Kind kKind>
void few_rows(const TileArgs& args, const F32Panel& panel) {
  unsigned i = rows<kKind, 4>(args, panel, 0);
  i = rows<kKind, 2>(args, panel, i);
  rows<kKind, 1>(args, panel, i);
}

}  // namespace
}  // namespace lowbit::kernels::f32
