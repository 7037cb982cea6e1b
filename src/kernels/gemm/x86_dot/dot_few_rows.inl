// SPDX-License-Identifier: Apache-2.0
// The dot products of few rows (x86_few_rows.inl).
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_few_rows.inl"
#include "kernels/gemm/x86_dot/dot_engine.inl"

namespace lowbit::kernels::x86_dot {
namespace {

template <unsigned kRows, bool kOnes, unsigned kVecs>
class FewSums {
  static constexpr unsigned kAll = kRows + kOnes;

 public:
  static constexpr std::int32_t kMiddle = Format::kMiddle;
  // Sets of accumulators that take turns, as in DotTile.
  static constexpr unsigned kSets = kAll * kVecs >= 9 ? 1 : Format::kVectors < 4 || kAll * kVecs >= 5 ? 2 : 4;

  inline LOWBIT_ALWAYS_INLINE explicit FewSums(const PanelHeader& h) : format_(h.levels) {}

  inline LOWBIT_ALWAYS_INLINE void start(unsigned i, unsigned v, VecI sum) {
    acc_[0][i][v] = sum;
#pragma GCC unroll 64
    for (unsigned s = 1; s < kSets; ++s) acc_[s][i][v] = broadcast_i(0);
  }

  /// Moves both to the next codes.
  inline LOWBIT_ALWAYS_INLINE void run(std::uint32_t steps, std::size_t step_bytes, FewCursor& at,
                                       const std::byte*& codes) {
    for (; steps > 0; --steps) {
      step(at, codes);
      at.a += kStepCodes;
      at.ones += kStepCodes;
      codes += step_bytes;
    }
  }

  inline LOWBIT_ALWAYS_INLINE VecI sum(unsigned i, unsigned v) const {
    VecI s = acc_[0][i][v];
#pragma GCC unroll 64
    for (unsigned t = 1; t < kSets; ++t) s = add_i(s, acc_[t][i][v]);
    return s;
  }

 private:
  inline LOWBIT_ALWAYS_INLINE void step(const FewCursor& at, const std::byte* codes) {
    VecI q[kVecs][Format::kVectors];
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs * kVectorBytes; v += 64) fetch_to_l2(codes + kAheadBytes + v);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) format_.decode(load_bytes(codes + v * kVectorBytes), q[v]);
#pragma GCC unroll 64
    for (unsigned u = 0; u < Format::kVectors; ++u)
#pragma GCC unroll 64
      for (unsigned i = 0; i < kAll; ++i) {
        const VecI a = broadcast_4_codes((i < kRows ? at.a + i * at.row_bytes : at.ones) + 4 * u);
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) acc_[u % kSets][i][v] = dot4(acc_[u % kSets][i][v], q[v][u], a);
      }
  }

  Format format_;
  VecI acc_[kSets][kAll][kVecs];
};

struct FewEngine {
  static constexpr unsigned kFewRows = 16;
  static constexpr bool kWholePanels = false;

  template <unsigned kRows, bool kOnes, unsigned kVecs>
  using Sums = FewSums<kRows, kOnes, kVecs>;
  using Rows = Heights<8, 4, 2, 1>;
};

/// dot_kernel with this file's way for few rows.
constexpr GemmKernel few_rows_kernel(const char* name, WeightFormat format, Isa required) {
  return with_few_rows<FewEngine, run_strips<Engine>>(dot_kernel(name, format, required));
}

}  // namespace
}  // namespace lowbit::kernels::x86_dot
