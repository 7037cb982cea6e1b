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
  std::int32_t zero_point;
  ByteTerms byte;
  alignas(64) float multiplier[kTileVecs][kLanes], addend[kTileVecs][kLanes];

  static bool takes(const TileArgs& args, bool grouped) {
    const Epilogue& e = args.epilogue;
    return args.n == header_of(args.panel).width && e.out != OutType::s32 &&
           (grouped || (!e.row_a && !e.row_b)) && !e.row_scale && !e.residual;
  }

  FinishTerms(const TileArgs& args, bool grouped, bool asked)
      : direct(asked && takes(args, grouped)),
        bytes(args.epilogue.out == OutType::u8),
        lo(args.epilogue.lo),
        zero_point(args.epilogue.zero_point) {
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
  // Four vectors of sums become one of bytes: of one row, of two or of four.
  constexpr unsigned kTogether = kVecs == 3 ? kRows + 1 : 4 / kVecs, kWhole = kRows / kTogether * kTogether;
  if constexpr (kWhole > 0) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kWhole; i += kTogether, row += kTogether * row_bytes) {
      VecI codes[4];
#pragma GCC unroll 64
      for (unsigned q = 0; q < 4; ++q)
        codes[q] = round_to_int(clamp_above(value(i + q / kVecs, q % kVecs), t.byte.hi));
      store_rows_u8<kVecs>(reinterpret_cast<std::uint8_t*>(row), row_bytes,
                           four_as_u8(codes, t.byte.zero_point, t.byte.lo));
    }
  }
  if constexpr (kWhole < kRows) {
    const VecF lo = broadcast_f(t.lo);
    const VecI zero_point = broadcast_i(t.zero_point);
#pragma GCC unroll 64
    for (unsigned i = kWhole; i < kRows; ++i, row += row_bytes)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        const VecF f = clamp_above(clamp_below(value(i, v), lo), t.byte.hi);
        store_u8(reinterpret_cast<std::uint8_t*>(row) + v * kLanes, add_i(round_to_int(f), zero_point));
      }
  }
}

}  // namespace
}  // namespace lowbit::kernels
