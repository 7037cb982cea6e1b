// SPDX-License-Identifier: Apache-2.0
// The epilogue of a tile whose sums are still at hand, for what most products need: bytes or floats out, no
// terms of rows, no residual. The same roundings as epilogue.inl, whose way through memory all others take.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/x86_panel.inl"

namespace lowbit::kernels {
namespace {

/// What the tiles of a strip share. `direct`: whether this file takes them, if it is `asked` to; of grouped
/// products, whose sums are floats already, row zeros are no concern here.
struct FinishTerms {
  bool direct, bytes;
  float lo;
  ByteTerms byte;
  alignas(64) float multiplier[kTileVecs][kLanes], addend[kTileVecs][kLanes];

  static bool takes(const TileArgs& args, bool grouped) {
    const Epilogue& e = args.epilogue;
    return args.n == header_of(args.panel).width &&
           (e.out == OutType::f32 || (e.out == OutType::u8 && args.n == 4 * kLanes)) &&
           (grouped || (!e.row_a && !e.row_b)) && !e.row_scale && !e.residual;
  }

  FinishTerms(const TileArgs& args, bool grouped, bool asked)
      : direct(asked && takes(args, grouped)), bytes(args.epilogue.out == OutType::u8), lo(args.epilogue.lo) {
    if (!direct) return;
    const Epilogue& e = args.epilogue;
    for (unsigned v = 0; v < args.n / kLanes; ++v) {
      const ColumnTerms t = column_terms<true>(e, v * kLanes, kLanes);
      store_f(multiplier[v], t.multiplier);
      store_f(addend[v], t.addend);
    }
    byte = byte_terms(e);
  }
};

/// Rows of the tile from `row` on, `row_bytes` apart. sums(i, v): floats, column_constant included.
template <unsigned kRows, unsigned kVecs, class S>
inline LOWBIT_ALWAYS_INLINE void finish_rows(const FinishTerms& t, std::byte* row, std::size_t row_bytes,
                                             const S& sums) {
  const auto value = [&](unsigned i, unsigned v) LOWBIT_ALWAYS_INLINE {
    return add_f(mul_f(sums(i, v), load_f(t.multiplier[v])), load_f(t.addend[v]));
  };
  if (!t.bytes) {
    const VecF lo = broadcast_f(t.lo);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i, row += row_bytes)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        store_f(reinterpret_cast<float*>(row) + v * kLanes,
                clamp_above(clamp_below(value(i, v), lo), t.byte.hi));
    return;
  }
  if constexpr (kVecs == 4) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i, row += row_bytes) {
      VecI codes[4];
#pragma GCC unroll 64
      for (unsigned v = 0; v < 4; ++v) codes[v] = round_to_int(clamp_above(value(i, v), t.byte.hi));
      store_four_u8(reinterpret_cast<std::uint8_t*>(row), codes, t.byte.zero_point, t.byte.lo);
    }
  }
}

}  // namespace
}  // namespace lowbit::kernels
