// Products of a few rows, for which decoding weights into memory first would cost more than multiplying
// them: codes are the unsigned operand as they come out of the panel, activations (x86_prepared_rows.inl)
// the signed one. A Weights type has
//   kParts, kMiddle   vectors that each quad becomes (the second counts 16 times); z where the panel has none
//   kBatchSteps       steps whose products add up in 16 bits
//   decode(packed, q) [kVectors][kParts] unsigned vectors
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_prepared_rows.inl"
#include "kernels/gemm/x86_maddubs/maddubs_strip.inl"
#include "kernels/simd/fetch_ahead.inl"

namespace lowbit::x86_maddubs {
namespace {

// Above that, decoding pays.
constexpr unsigned kFewRows = 8;

/// kRows rows by kVecs vectors of columns, and the row of ones if kOnes.
template <class W, unsigned kRows, unsigned kVecs, bool kOnes>
struct FewTile {
  static constexpr unsigned kAll = kRows + kOnes;

  VecI words[kAll][kVecs][W::kParts];
  VecI sum[kAll][kVecs];
  VecF closed[kRows][kVecs];

  /// Each row starts at -z * (sum of its codes in the group).
  inline __attribute__((always_inline)) void start(const PanelHeader& h, std::uint32_t group,
                                                   const FewCursor& at) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i) {
      const std::int32_t row = i < kRows ? at.sums[i * at.groups + group] : at.ones_sums[group];
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        sum[i][v] = h.zeros == 0 ? broadcast_i(-W::kMiddle * row)
                                 : mul_i(broadcast_i(-row), group_zeros(h, h.groups == 1 ? 0 : group, v));
    }
  }
  inline __attribute__((always_inline)) void clear_words() {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
        for (unsigned part = 0; part < W::kParts; ++part) words[i][v][part] = broadcast_i(0);
  }
  inline __attribute__((always_inline)) void step(const W& weights, FewCursor& at, const std::byte*& packed) {
    VecI q[kVecs][Format::kVectors * W::kParts];
    fetch_to_l2(packed + kAheadBytes);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) weights.decode(load_bytes(packed + v * kVectorBytes), q[v]);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned u = 0; u < Format::kVectors; ++u) {
        const VecI codes = broadcast_4_codes((i < kRows ? at.a + i * at.row_bytes : at.ones) + 4 * u);
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
          for (unsigned part = 0; part < W::kParts; ++part)
            words[i][v][part] = add_words(words[i][v][part], mul_pairs(q[v][u * W::kParts + part], codes));
      }
    at.a += kStepCodes;
    at.ones += kStepCodes;
    packed += kVecs * kVectorBytes;
  }
  inline __attribute__((always_inline)) void widen() {
    const VecI ones = broadcast_word(1), sixteens = broadcast_word(16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        sum[i][v] = add_i(sum[i][v], sum_words(words[i][v][0], ones));
        if constexpr (W::kParts == 2) sum[i][v] = add_i(sum[i][v], sum_words(words[i][v][1], sixteens));
      }
  }
  inline __attribute__((always_inline)) void run(const W& weights, std::uint32_t steps, FewCursor& at,
                                                 const std::byte*& packed) {
    for (; steps >= W::kBatchSteps; steps -= W::kBatchSteps) {
      clear_words();
#pragma GCC unroll 4
      for (unsigned s = 0; s < W::kBatchSteps; ++s) step(weights, at, packed);
      widen();
    }
    if (steps == 0) return;
    clear_words();
    for (; steps > 0; --steps) step(weights, at, packed);
    widen();
  }
  /// closed = fma(float(sums of the group), scale, closed).
  inline __attribute__((always_inline)) void flush(const PanelHeader& h, std::uint32_t group,
                                                   const std::int32_t* row_zero) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = group_scales(h, group, v);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        VecI s = sum[i][v];
        if constexpr (kOnes)
          s = sub_i(s, mul_i(broadcast_i((row_zero ? row_zero[i] : 0) - 128), sum[kRows][v]));
        closed[i][v] = fma_f(to_float(s), scale, closed[i][v]);
      }
    }
  }
};

/// Rows [i0, i0 + kRows) times the panel.
template <class W, unsigned kRows, unsigned kVecs, bool kGroups, bool kOnes>
__attribute__((noinline)) void few_tile(const TileArgs& args, const PreparedRows& rows, unsigned i0) {
  const PanelHeader& h = header_of(args.panel);
  const W weights(h);
  const std::byte* packed = args.panel + h.codes;
  const std::int32_t* row_zero = args.epilogue.row_a ? args.epilogue.row_a + i0 : nullptr;
  FewCursor at(rows, args.m, i0);
  FewTile<W, kRows, kVecs, kOnes> tile;
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) tile.closed[i][v] = broadcast_f(0.0f);
  tile.start(h, 0, at);
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    tile.run(weights, (run.codes + kStepCodes - 1) / kStepCodes, at, packed);
    if (!kGroups || !run.flush) continue;
    tile.flush(h, run.group, row_zero);
    if (r + 1 < args.run_count) tile.start(h, run.group + 1, at);
  }
  if constexpr (kGroups) {
    alignas(64) float closed[kRows][kVecs * kLanes];
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) store_f(closed[i] + v * kLanes, tile.closed[i][v]);
    epilogue(args, closed[0], kVecs * kLanes, i0, kRows, 0, args.n);
  } else {
    alignas(64) std::int32_t open[kRows][kVecs * kLanes];
    const auto* sums = reinterpret_cast<const std::int32_t*>(args.panel + sizeof(PanelHeader));
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        store_i(open[i] + v * kLanes, add_i(tile.sum[i][v], load_i(sums + v * kLanes)));
    epilogue(args, open[0], kVecs * kLanes, i0, kRows, 0, args.n);
  }
}

template <class W, unsigned kVecs, bool kGroups, bool kOnes>
void few_rows(const TileArgs& args, const PreparedRows& rows) {
  unsigned i = 0;
  for (; i + 2 <= args.m; i += 2) few_tile<W, 2, kVecs, kGroups, kOnes>(args, rows, i);
  if (i < args.m) few_tile<W, 1, kVecs, kGroups, kOnes>(args, rows, i);
}

template <class W, unsigned kVecs>
void few_rows(const TileArgs& args, const PreparedRows& rows) {
  if (header_of(args.panel).groups == 1) return few_rows<W, kVecs, false, false>(args, rows);
  if (needs_ones(args)) return few_rows<W, kVecs, true, true>(args, rows);
  few_rows<W, kVecs, true, false>(args, rows);
}

/// Runs the tile if this file's way can; else returns false.
template <class W>
bool try_few_rows(const TileArgs& args) {
  const PanelHeader& h = header_of(args.panel);
  if (args.prepared == nullptr) return false;
  const PreparedRows rows(args.prepared);
  h.width > kLanes ? few_rows<W, 2>(args, rows) : few_rows<W, 1>(args, rows);
  return true;
}

/// Codes as they are.
template <unsigned kSteps>
struct FewCodes {
  static constexpr unsigned kParts = 1, kBatchSteps = kSteps;
  static constexpr std::int32_t kMiddle = Format::kMiddle;

  explicit FewCodes(const PanelHeader& h) : format_(h.levels) {}
  inline __attribute__((always_inline)) void decode(VecI packed, VecI* q) const { format_.decode(packed, q); }

 private:
  Format format_;
};

}  // namespace
}  // namespace lowbit::x86_maddubs
