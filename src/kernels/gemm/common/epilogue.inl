// SPDX-License-Identifier: Apache-2.0
// Applies an Epilogue to a block of int32 accumulators, over the vocabulary of one vec_<isa>.inl: the same
// sequence of roundings on every ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/parts.inl"
#include "kernels/simd/vec.inl"
#include "lowbit/core/detail/compiler.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels {
namespace {

/// The terms of kLanes columns, ready in registers. An absent factor is 1 and an absent addend -0: both leave
/// every float as it is, the sign of zero included.
struct ColumnTerms {
  VecI constant, col_a, col_b;
  VecF multiplier, addend;
};

/// Lanes [0, count) of a column's terms, all of them if kFull.
template <bool kFull>
inline VecI column_i(const std::int32_t* p, unsigned j, unsigned count) {
  if (p == nullptr) return broadcast_i(0);
  return kFull ? load_i(p + j) : load_i(p + j, count);
}

template <bool kFull>
inline VecF column_f(const float* p, unsigned j, unsigned count, float absent) {
  if (p == nullptr) return broadcast_f(absent);
  return kFull ? load_f(p + j) : load_f(p + j, count, absent);
}

/// Columns [j, j + count), kLanes of them if kFull. Inlined, since a call would go through memory.
template <bool kFull>
inline LOWBIT_ALWAYS_INLINE ColumnTerms column_terms(const Epilogue& e, unsigned j, unsigned count) {
  return {column_i<kFull>(e.column_constant, j, count),
          column_i<kFull>(e.row_a ? e.col_a : nullptr, j, count),
          column_i<kFull>(e.row_b ? e.col_b : nullptr, j, count),
          column_f<kFull>(e.multiplier, j, count, 1.0f), column_f<kFull>(e.addend, j, count, -0.0f)};
}

/// What is added to the floats: codes at p, as reals.
struct ResidualTerms {
  VecF zero, scale;

  explicit ResidualTerms(const Epilogue& e)
      : zero(broadcast_f(e.residual_zero)), scale(broadcast_f(e.residual_scale)) {}
  VecF reals(VecF codes) const { return mul_f(sub_f(codes, zero), scale); }
};

/// The float half: everything after the first conversion. `row` is the row of C.
template <OutType kOut, bool kFull, bool kRows>
inline void finish_float(VecF f, const Epilogue& e, const ColumnTerms& t, unsigned i, unsigned j,
                         unsigned count, std::byte* row) {
  f = mul_f(f, t.multiplier);
  if constexpr (kRows) {
    if (e.row_scale) f = mul_f(f, broadcast_f(e.row_scale[i]));
  }
  f = add_f(f, t.addend);
  if (e.residual) {
    const std::uint8_t* codes = e.residual + i * e.residual_row_bytes + j;
    f = add_f(f, ResidualTerms(e).reals(kFull ? load_u8_as_float(codes) : load_u8_as_float(codes, count)));
  }
  f = clamp_above(clamp_below(f, broadcast_f(e.lo)), broadcast_f(e.hi));
  if constexpr (kOut == OutType::f32) {
    auto* out = reinterpret_cast<float*>(row) + j;
    kFull ? store_f(out, f) : store_f(out, f, count);
  } else {
    auto* out = reinterpret_cast<std::uint8_t*>(row) + j;
    const VecI code = add_i(round_to_int(f), broadcast_i(e.zero_point));
    kFull ? store_u8(out, code) : store_u8(out, code, count);
  }
}

/// The integer half, to f = float(i) or to the stored int32.
template <OutType kOut, bool kFull, bool kRows>
inline void finish(VecI v, const Epilogue& e, const ColumnTerms& t, unsigned i, unsigned j, unsigned count,
                   std::byte* row) {
  v = add_i(v, t.constant);
  if constexpr (kRows) {
    if (e.row_a) v = sub_i(v, mul_i(broadcast_i(e.row_a[i]), t.col_a));
    if (e.row_b) v = sub_i(v, mul_i(broadcast_i(e.row_b[i]), t.col_b));
  }
  if constexpr (kOut == OutType::s32) {
    auto* out = reinterpret_cast<std::int32_t*>(row) + j;
    kFull ? store_i(out, v) : store_i(out, v, count);
  } else {
    finish_float<kOut, kFull, kRows>(to_float(v), e, t, i, j, count, row);
  }
}

/// Float accumulators: grouped products and f32 activations. s32 output has no meaning for them, gives f32.
template <OutType kOut, bool kFull, bool kRows>
inline void finish(VecF f, const Epilogue& e, const ColumnTerms& t, unsigned i, unsigned j, unsigned count,
                   std::byte* row) {
  constexpr OutType kFloatOut = kOut == OutType::s32 ? OutType::f32 : kOut;
  finish_float<kFloatOut, kFull, kRows>(f, e, t, i, j, count, row);
}

inline VecI load_acc(const std::int32_t* p) {
  return load_i(p);
}
inline VecF load_acc(const float* p) {
  return load_f(p);
}

/// A block of accumulators: acc[r * acc_stride + t] belongs to row i0 + r and column j0 + t of the tile.
template <class T>
struct AccBlock {
  const T* acc;
  std::size_t stride;
  unsigned i0, m, j0, n;
};

template <OutType kOut, bool kFull, bool kRows, class T>
inline void epilogue_columns(const TileArgs& args, const AccBlock<T>& b, unsigned j, unsigned count) {
  const Epilogue e = args.epilogue;  // a copy: stores to C could change the original
  const ColumnTerms t = column_terms<kFull>(e, b.j0 + j, count);
  for (unsigned r = 0; r < b.m; ++r)
    finish<kOut, kFull, kRows>(load_acc(b.acc + r * b.stride + j), e, t, b.i0 + r, b.j0 + j, count,
                               static_cast<std::byte*>(args.c) + (b.i0 + r) * args.c_row_bytes);
}

// What most products need (u8 output, no row terms) goes four vectors at a time, so that the conversion to
// bytes is shared: rounding and clamping are both monotonic, so clamping below may come after rounding, on
// bytes. The sum with the zero point cannot overflow the 16 bits that it is formed in.
struct ByteTerms {
  VecF hi;
  VecI zero_point, lo;  // 16-bit lanes; bytes
};

inline ByteTerms byte_terms(const Epilogue& e) {
  std::int32_t lo[kLanes];
  store_i(lo, round_to_int(broadcast_f(e.lo)));
  return {broadcast_f(e.hi), broadcast_i16(e.zero_point), broadcast_u8(lo[0] + e.zero_point)};
}

inline VecF quad_float(VecI v, const ColumnTerms& t) {
  return add_f(mul_f(to_float(v), t.multiplier), t.addend);
}
inline VecF quad_float(VecF f, const ColumnTerms& t) {
  return add_f(mul_f(f, t.multiplier), t.addend);
}
inline VecI add_constant(VecI v, const ColumnTerms& t) {
  return add_i(v, t.constant);
}
inline VecF add_constant(VecF f, const ColumnTerms&) {
  return f;
}

template <bool kConstant, bool kResidual, class T>
inline void epilogue_quad_columns(const TileArgs& args, const AccBlock<T>& b, unsigned j) {
  const Epilogue& e = args.epilogue;
  const ByteTerms bytes = byte_terms(e);
  const ResidualTerms residual(e);
  const std::size_t residual_step = kResidual ? e.residual_row_bytes : 0;
  const std::uint8_t* added = kResidual ? e.residual + b.i0 * residual_step + b.j0 + j : nullptr;
  ColumnTerms t[4];
  for (unsigned q = 0; q < 4; ++q) t[q] = column_terms<true>(e, b.j0 + j + q * kLanes, kLanes);
  auto* row = static_cast<std::uint8_t*>(args.c) + b.i0 * args.c_row_bytes + b.j0 + j;
  const std::size_t row_bytes = args.c_row_bytes;
  for (unsigned r = 0; r < b.m; ++r, row += row_bytes, added += residual_step) {
    VecI codes[4];
    for (unsigned q = 0; q < 4; ++q) {
      auto acc = load_acc(b.acc + r * b.stride + j + q * kLanes);
      if constexpr (kConstant) acc = add_constant(acc, t[q]);
      VecF f = quad_float(acc, t[q]);
      if constexpr (kResidual) f = add_f(f, residual.reals(load_u8_as_float(added + q * kLanes)));
      codes[q] = round_to_int(clamp_above(f, bytes.hi));
    }
    store_four_u8(row, codes, bytes.zero_point, bytes.lo);
  }
}

/// The columns of whole quads; returns the first one left.
template <OutType kOut, bool kRows, class T>
inline unsigned epilogue_quads(const TileArgs& args, const AccBlock<T>& b) {
  unsigned j = 0;
  if constexpr (kOut == OutType::u8 && !kRows && kLanes > 1) {
    const bool constant = args.epilogue.column_constant != nullptr;
    for (; j + 4 * kLanes <= b.n; j += 4 * kLanes) {
      if (args.epilogue.residual) {
        epilogue_quad_columns<true, true>(args, b, j);
      } else if (constant) {
        epilogue_quad_columns<true, false>(args, b, j);
      } else {
        epilogue_quad_columns<false, false>(args, b, j);
      }
    }
  }
  return j;
}

template <OutType kOut, bool kRows, class T>
inline void epilogue_block(const TileArgs& args, const AccBlock<T>& b) {
  unsigned j = epilogue_quads<kOut, kRows>(args, b);
  for (; j + kLanes <= b.n; j += kLanes) epilogue_columns<kOut, true, kRows>(args, b, j, kLanes);
  if constexpr (kLanes > 1) {
    if (j < b.n) epilogue_columns<kOut, false, kRows>(args, b, j, b.n - j);
  }
}

template <bool kRows, class T>
inline void epilogue_out(const TileArgs& args, const AccBlock<T>& b) {
  switch (args.epilogue.out) {
    case OutType::s32:
      return epilogue_block<OutType::s32, kRows>(args, b);
    case OutType::f32:
      return epilogue_block<OutType::f32, kRows>(args, b);
    case OutType::u8:
      return epilogue_block<OutType::u8, kRows>(args, b);
  }
}

/// acc[r * acc_stride + t] belongs to row i0 + r and column j0 + t of the tile; `n` columns are valid, and
/// acc is readable (contents ignored) up to the next multiple of kLanes. T: int32, or float for a product
/// whose integer terms are already in (several scale groups, f32 activations). One copy of it for all tiles
/// of a kernel: in each of them it would be most of the code.
template <class T>
LOWBIT_NOINLINE void epilogue(const TileArgs& args, const T* acc, std::size_t acc_stride, unsigned i0,
                              unsigned m, unsigned j0, unsigned n) {
  const Epilogue& e = args.epilogue;
  const AccBlock<T> block = {acc, acc_stride, i0, m, j0, n};
  if (e.row_a || e.row_b || e.row_scale) {
    epilogue_out<true>(args, block);
  } else {
    epilogue_out<false>(args, block);
  }
}

}  // namespace
}  // namespace lowbit::kernels
