// Products of few rows for the dot_*.inl kernels, bound by how fast weights come from memory: codes are
// decoded in registers, as the unsigned side of the dot products, and the rows of A are the signed side
// (x86_prepared_rows.inl).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_prepared_rows.inl"
#include "kernels/gemm/x86_dot/dot_strip.inl"

namespace lowbit::x86_dot {
namespace {

constexpr unsigned kFewRows = 16;

/// kRows rows by kVecs vectors of columns, and the row of ones if kOnes.
template <class F, unsigned kRows, unsigned kVecs, bool kOnes>
struct FewTile {
  static constexpr unsigned kAll = kRows + kOnes;
  // Sets of accumulators that take turns, as in Tile.
  static constexpr unsigned kSplit = kAll * kVecs >= 9 ? 1 : F::kVectors < 4 || kAll * kVecs >= 5 ? 2 : 4;

  VecI acc[kSplit][kAll][kVecs];
  // Float sums: registers where there are enough, else memory.
  static constexpr bool kInRegisters = kRows * kVecs * (kSplit + 1) <= kAccumulators;
  VecF closed[kRows][kVecs];

  /// Each row starts at -z * (sum of its codes in the group).
  inline __attribute__((always_inline)) void start(const PanelHeader& h, std::uint32_t group, unsigned v0,
                                                   const FewCursor& at) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI z = group_zeros(h, h.groups == 1 ? 0 : group, v0 + v);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kAll; ++i) {
#pragma GCC unroll 64
        for (unsigned s = 1; s < kSplit; ++s) acc[s][i][v] = broadcast_i(0);
        const std::int32_t sum = i < kRows ? at.sums[i * at.groups + group] : at.ones_sums[group];
        acc[0][i][v] =
            h.zeros == 0 ? broadcast_i(-F::kMiddle * sum) : sub_i(broadcast_i(0), mul_i(z, broadcast_i(sum)));
      }
    }
  }

  /// One step with the vectors of codes at b.
  inline __attribute__((always_inline)) void step(const F& format, const FewCursor& at, const std::byte* b) {
    VecI q[kVecs][F::kVectors];
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs * kVectorBytes; v += 64) fetch_to_l2(b + kAheadBytes + v);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) format.decode(load_bytes(b + v * kVectorBytes), q[v]);
#pragma GCC unroll 64
    for (unsigned u = 0; u < F::kVectors; ++u)
#pragma GCC unroll 64
      for (unsigned i = 0; i < kAll; ++i) {
        const VecI codes = broadcast_4_codes((i < kRows ? at.a + i * at.row_bytes : at.ones) + 4 * u);
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v)
          acc[u % kSplit][i][v] = dot4(acc[u % kSplit][i][v], q[v][u], codes);
      }
  }

  inline __attribute__((always_inline)) VecI sum(unsigned i, unsigned v) const {
    VecI s = acc[0][i][v];
#pragma GCC unroll 64
    for (unsigned t = 1; t < kSplit; ++t) s = add_i(s, acc[t][i][v]);
    return s;
  }

  /// closed = fma(float(sums of the group), scale, closed). `row_zero`: of the block's rows, or null.
  inline __attribute__((always_inline)) void flush(const PanelHeader& h, std::uint32_t group, unsigned v0,
                                                   const std::int32_t* row_zero, float* memory) {
    keep_one_pointer(memory);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = group_scales(h, group, v0 + v);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        VecI s = sum(i, v);
        if constexpr (kOnes)
          s = sub_i(s, mul_i(broadcast_i((row_zero ? row_zero[i] : 0) - 128), sum(kRows, v)));
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
template <class F, unsigned kRows, unsigned kVecs, bool kOnes>
__attribute__((noinline)) void few_tile(const TileArgs& args, const PreparedRows& rows, unsigned i0,
                                        unsigned v0) {
  const PanelHeader& h = header_of(args.panel);
  const F format(h.levels);
  const std::size_t b_step = 4 * std::size_t{h.width};
  const std::byte* b = args.panel + h.codes + v0 * kVectorBytes;
  FewCursor at(rows, args.m, i0);
  const std::int32_t* row_zero = args.epilogue.row_a ? args.epilogue.row_a + i0 : nullptr;
  FewTile<F, kRows, kVecs, kOnes> tile;
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) tile.closed[i][v] = broadcast_f(0.0f);
  alignas(64) float closed[kRows][kVecs * kLanes] = {};
  tile.start(h, 0, v0, at);
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    for (std::uint32_t steps = (run.codes + kStepCodes - 1) / kStepCodes; steps > 0; --steps) {
      tile.step(format, at, b);
      at.a += kStepCodes;
      at.ones += kStepCodes;
      b += b_step;
    }
    if (!run.flush || h.groups == 1) continue;
    tile.flush(h, run.group, v0, row_zero, closed[0]);
    if (r + 1 < args.run_count) tile.start(h, run.group + 1, v0, at);
  }
  const unsigned j0 = v0 * kLanes, n = args.n - j0 < kVecs * kLanes ? args.n - j0 : kVecs * kLanes;
  if (h.groups > 1) {
    if constexpr (tile.kInRegisters) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) store_f(closed[i] + v * kLanes, tile.closed[i][v]);
    }
    return epilogue(args, closed[0], kVecs * kLanes, i0, kRows, j0, n);
  }
  alignas(64) std::int32_t open[kRows][kVecs * kLanes];
  const auto* sums = reinterpret_cast<const std::int32_t*>(args.panel + sizeof(PanelHeader)) + j0;
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v)
      store_i(open[i] + v * kLanes, add_i(tile.sum(i, v), load_i(sums + v * kLanes)));
  epilogue(args, open[0], kVecs * kLanes, i0, kRows, j0, n);
}

template <class F, unsigned kRows, unsigned kVecs>
void few_columns(const TileArgs& args, const PreparedRows& rows, bool ones, unsigned i, unsigned& v) {
  for (; v + kVecs <= header_of(args.panel).width / kLanes; v += kVecs) {
    if (ones) {
      few_tile<F, kRows, kVecs, true>(args, rows, i, v);
    } else {
      few_tile<F, kRows, kVecs, false>(args, rows, i, v);
    }
  }
}

/// As many blocks of kRows rows as fit from row i on; returns the first row left.
template <class F, unsigned kRows>
unsigned few_rows(const TileArgs& args, const PreparedRows& rows, bool ones, unsigned i) {
  constexpr unsigned kWidest = kRows <= 4 ? kTileVecs : kTileVecs / 2;
  for (; i + kRows <= args.m; i += kRows) {
    unsigned v = 0;
    few_columns<F, kRows, kWidest>(args, rows, ones, i, v);
    if constexpr (kWidest > 2) few_columns<F, kRows, 2>(args, rows, ones, i, v);
    if constexpr (kWidest > 1) few_columns<F, kRows, 1>(args, rows, ones, i, v);
  }
  return i;
}

void run_few_or_any_rows(const TileArgs& args) {
  using F = Format;
  if (args.prepared == nullptr) return run_any_rows(args);
  const PreparedRows rows(args.prepared);
  const bool ones = needs_ones(args);
  unsigned i = few_rows<F, 8>(args, rows, ones, 0);
  i = few_rows<F, 4>(args, rows, ones, i);
  i = few_rows<F, 2>(args, rows, ones, i);
  few_rows<F, 1>(args, rows, ones, i);
}

/// The same kernel with this file's way for few rows.
constexpr GemmKernel with_few_rows(GemmKernel kernel) {
  kernel.run = run_few_or_any_rows;
  kernel.few_rows = kFewRows;
  kernel.prepared_bytes = prepared_rows_bytes;
  kernel.prepare = prepare_rows;
  return kernel;
}

}  // namespace
}  // namespace lowbit::x86_dot
