// SPDX-License-Identifier: Apache-2.0
// The products of few rows (x86_few_rows.inl) on plain AVX2. A Weights type says how codes become bytes:
//   kParts, kMiddle   vectors that each quad becomes (the second counts 16 times); z where the panel has none
//   kBatchSteps       steps whose products add up in 16 bits
//   decode(packed, q) [kVectors][kParts] unsigned vectors
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_few_rows.inl"
#include "kernels/gemm/x86_maddubs/maddubs_engine.inl"
#include "kernels/simd/fetch_ahead.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

template <class W, unsigned kRows, bool kOnes, unsigned kVecs>
class FewSums {
  static constexpr unsigned kAll = kRows + kOnes;

 public:
  static constexpr std::int32_t kMiddle = W::kMiddle;
  static constexpr unsigned kSets = 1;

  inline LOWBIT_ALWAYS_INLINE explicit FewSums(const PanelHeader& h) : weights_(h) {}

  inline LOWBIT_ALWAYS_INLINE void start(unsigned i, unsigned v, VecI sum) { sum_[i][v] = sum; }

  /// Moves both to the next codes.
  inline LOWBIT_ALWAYS_INLINE void run(std::uint32_t steps, std::size_t step_bytes, FewCursor& at,
                                       const std::byte*& codes) {
    for (; steps >= W::kBatchSteps; steps -= W::kBatchSteps) {
      clear_words();
#pragma GCC unroll 4
      for (unsigned s = 0; s < W::kBatchSteps; ++s) step(step_bytes, at, codes);
      widen();
    }
    if (steps == 0) return;
    clear_words();
    for (; steps > 0; --steps) step(step_bytes, at, codes);
    widen();
  }

  inline LOWBIT_ALWAYS_INLINE VecI sum(unsigned i, unsigned v) const {
    return sum_[i][v];
  }

 private:
  inline LOWBIT_ALWAYS_INLINE void clear_words() {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
        for (unsigned part = 0; part < W::kParts; ++part) words_[i][v][part] = broadcast_i(0);
  }
  inline LOWBIT_ALWAYS_INLINE void step(std::size_t step_bytes, FewCursor& at, const std::byte*& codes) {
    VecI q[kVecs][Format::kVectors * W::kParts];
    fetch_to_l2(codes + kAheadBytes);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) weights_.decode(load_bytes(codes + v * kVectorBytes), q[v]);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned u = 0; u < Format::kVectors; ++u) {
        const VecI a = broadcast_4_codes((i < kRows ? at.a + i * at.row_bytes : at.ones) + 4 * u);
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
          for (unsigned part = 0; part < W::kParts; ++part)
            words_[i][v][part] = add_words(words_[i][v][part], mul_pairs(q[v][u * W::kParts + part], a));
      }
    at.a += kStepCodes;
    at.ones += kStepCodes;
    codes += step_bytes;
  }
  inline LOWBIT_ALWAYS_INLINE void widen() {
    const VecI ones = broadcast_word(1), sixteens = broadcast_word(16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kAll; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        sum_[i][v] = add_i(sum_[i][v], sum_words(words_[i][v][0], ones));
        if constexpr (W::kParts == 2) sum_[i][v] = add_i(sum_[i][v], sum_words(words_[i][v][1], sixteens));
      }
  }

  W weights_;
  VecI words_[kAll][kVecs][W::kParts];
  VecI sum_[kAll][kVecs];
};

template <class W>
struct FewEngine {
  static constexpr unsigned kFewRows = 8;  // above that, decoding pays
  static constexpr bool kWholePanels = true;

  template <unsigned kRows, bool kOnes, unsigned kVecs>
  using Sums = FewSums<W, kRows, kOnes, kVecs>;
  using Rows = Heights<2, 1>;
};

/// Codes as they are.
template <unsigned kSteps>
struct FewCodes {
  static constexpr unsigned kParts = 1, kBatchSteps = kSteps;
  static constexpr std::int32_t kMiddle = Format::kMiddle;

  explicit FewCodes(const PanelHeader& h) : format_(h.levels) {}
  inline LOWBIT_ALWAYS_INLINE void decode(VecI packed, VecI* q) const { format_.decode(packed, q); }

 private:
  Format format_;
};

void pack_proven(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                 std::uint32_t run_count, std::byte* panel, PackReport& report) {
  pack_panel(spec, n0, n, runs, run_count, panel, report);
  report.pairs += std::uint64_t{n} * ((spec.k + 1) / 2);
  ++report.panels;
  ++report.proven_panels;
}

/// The table entry of formats below 8 bits, whose weights are bytes that no pair of products saturates with.
template <class W, void (*kAnyRows)(const TileArgs&)>
constexpr GemmKernel maddubs_kernel(const char* name, WeightFormat format) {
  GemmKernel kernel = x86_kernel(name, format, Isa::avx2, 4, kAnyRows);
  kernel.pack = pack_proven;
  return with_few_rows<FewEngine<W>, kAnyRows>(kernel);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
