// SPDX-License-Identifier: Apache-2.0
// Products of few rows for the x86 engines, bound by how fast weights come from memory: codes are decoded in
// registers, as the unsigned side of the products, and the rows of A are the signed side
// (x86_prepared_rows.inl). An engine of few rows E has
//   kFewRows            up to how many rows this way is the faster one
//   kWholePanels        whether a tile has all columns of a panel
//   Rows                heights of tiles
//   Sums<kRows, kOnes, kVecs>   the sums of a tile, in row kRows those of the row of ones: start, run (over
//                               steps of the panel), sum; kMiddle, the code of weight 0 where the panel has
//                               no zero points; kSets, registers that a sum takes
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/x86_prepared_rows.inl"
#include "kernels/gemm/common/x86_strip.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::kernels {
namespace {

/// kRows rows by kVecs vectors of columns, and the row of ones if kOnes.
template <class E, unsigned kRows, unsigned kVecs, bool kOnes>
struct FewTile {
  using Sums = typename E::template Sums<kRows, kOnes, kVecs>;
  // Float sums: registers where there are enough, else memory.
  static constexpr bool kInRegisters = kRows * kVecs * (Sums::kSets + 1) <= kAccumulators;

  const PanelHeader& h;
  const unsigned v0;
  Sums sums;
  VecF closed[kRows][kVecs];

  inline LOWBIT_ALWAYS_INLINE FewTile(const PanelHeader& header, unsigned first)
      : h(header), v0(first), sums(header) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) closed[i][v] = broadcast_f(0.0f);
  }

  /// Each row starts at -z * (sum of its codes in the group).
  inline LOWBIT_ALWAYS_INLINE void start(std::uint32_t group, const FewCursor& at) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI z = group_zeros(h, h.groups == 1 ? 0 : group, v0 + v);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows + kOnes; ++i) {
        const std::int32_t sum = i < kRows ? at.sums[i * at.groups + group] : at.ones_sums[group];
        sums.start(i, v, h.zeros == 0 ? broadcast_i(-Sums::kMiddle * sum) : mul_i(z, broadcast_i(-sum)));
      }
    }
  }

  /// closed = fma(float(sums of the group), scale, closed). `row_zero`: of the block's rows, or null.
  inline LOWBIT_ALWAYS_INLINE void flush(std::uint32_t group, const std::int32_t* row_zero, float* memory) {
    if constexpr (!kInRegisters) keep_one_pointer(memory);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = group_scales(h, group, v0 + v);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        VecI s = sums.sum(i, v);
        if constexpr (kOnes)
          s = sub_i(s, mul_i(broadcast_i((row_zero ? row_zero[i] : 0) - 128), sums.sum(kRows, v)));
        if constexpr (kInRegisters) {
          closed[i][v] = fma_f(to_float(s), scale, closed[i][v]);
        } else {
          float* f = memory + (i * kVecs + v) * kLanes;
          store_f(f, fma_f(to_float(s), scale, load_f(f)));
        }
      }
    }
  }
};

/// A block of rows and columns over all of K.
template <class E, bool kGrouped, bool kOnes, unsigned kRows, unsigned kVecs>
LOWBIT_NOINLINE void few_tile(const TileArgs& args, unsigned i0, unsigned first_vec) {
  const unsigned v0 = E::kWholePanels ? 0 : first_vec;
  const PanelHeader& h = header_of(args.panel);
  const std::size_t step_bytes = E::kWholePanels ? kVecs * kVectorBytes : 4 * std::size_t{h.width};
  const std::byte* codes = args.panel + h.codes + v0 * kVectorBytes;
  const std::int32_t* row_zero = args.epilogue.row_a ? args.epilogue.row_a + i0 : nullptr;
  FewCursor at(args.prepared, args.m, i0);
  FewTile<E, kRows, kVecs, kOnes> tile(h, v0);
  alignas(64) float closed[kRows][kVecs * kLanes];
  if constexpr (kGrouped && !decltype(tile)::kInRegisters) __builtin_memset(closed, 0, sizeof closed);
  tile.start(0, at);
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    tile.sums.run((run.codes + kStepCodes - 1) / kStepCodes, step_bytes, at, codes);
    if (!kGrouped || !run.flush) continue;
    tile.flush(run.group, row_zero, closed[0]);
    if (r + 1 < args.run_count) tile.start(run.group + 1, at);
  }
  const unsigned j0 = v0 * kLanes, n = args.n - j0 < kVecs * kLanes ? args.n - j0 : kVecs * kLanes;
  if constexpr (kGrouped) {
    if constexpr (decltype(tile)::kInRegisters) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) store_f(closed[i] + v * kLanes, tile.closed[i][v]);
    }
    epilogue(args, closed[0], kVecs * kLanes, i0, kRows, j0, n);
  } else {
    alignas(64) std::int32_t open[kRows][kVecs * kLanes];
    const auto* sums = reinterpret_cast<const std::int32_t*>(args.panel + sizeof(PanelHeader)) + j0;
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        store_i(open[i] + v * kLanes, add_i(tile.sums.sum(i, v), load_i(sums + v * kLanes)));
    epilogue(args, open[0], kVecs * kLanes, i0, kRows, j0, n);
  }
}

template <class E, bool kGrouped, bool kOnes>
void run_few_rows(const TileArgs& args) {
  const unsigned vecs = header_of(args.panel).width / kLanes;
  E::Rows::cut(args.m, [&]<unsigned kRows>(unsigned i) {
    constexpr unsigned kWidest = kRows <= 4 ? kTileVecs : kTileVecs / 2;
    unsigned v = 0;
    const auto columns = [&]<unsigned kVecs>() {
      for (; v + kVecs <= vecs; v += kVecs) few_tile<E, kGrouped, kOnes, kRows, kVecs>(args, i, v);
    };
    columns.template operator()<kWidest>();
    if constexpr (kWidest > 2) columns.template operator()<2>();
    if constexpr (kWidest > 1) columns.template operator()<1>();
  });
}

/// All rows in this file's way where they are few and therefore prepared, else as kAnyRows has it.
template <class E, void (*kAnyRows)(const TileArgs&)>
void run_few_or_any_rows(const TileArgs& args) {
  if (args.prepared == nullptr) return kAnyRows(args);
  if (header_of(args.panel).groups == 1) return run_few_rows<E, false, false>(args);
  needs_ones(args) ? run_few_rows<E, true, true>(args) : run_few_rows<E, true, false>(args);
}

/// The same kernel with this file's way for few rows.
template <class E, void (*kAnyRows)(const TileArgs&)>
constexpr GemmKernel with_few_rows(GemmKernel kernel) {
  kernel.run = run_few_or_any_rows<E, kAnyRows>;
  kernel.few_rows = E::kFewRows;
  kernel.prepared_bytes = prepared_rows_bytes;
  kernel.prepare = prepare_rows;
  return kernel;
}

}  // namespace
}  // namespace lowbit::kernels
