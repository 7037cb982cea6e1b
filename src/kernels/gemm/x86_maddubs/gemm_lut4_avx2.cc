// SPDX-License-Identifier: Apache-2.0
// lut4 weights on AVX2: levels are looked up by a shuffle of bytes. Small ones add up in 16-bit lanes for 16
// codes of K, which they cannot leave; others are split into two parts of four bits that do likewise.
#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_avx2.inl"
#include "lowbit/core/detail/compiler.h"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_lut4.inl"
#include "kernels/gemm/x86_maddubs/maddubs_few_rows.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

/// Levels as the panel has them, plus 128.
inline bool are_small(const std::uint8_t* levels) {
  for (unsigned i = 0; i < 16; ++i)
    if (levels[i] < 128 - 15 || levels[i] > 128 + 15) return false;
  return true;
}

/// Levels for maddubs_few_rows.inl: level + 136 = low + 16 * high, low in [0, 15], high in [0, 16]. 8 quads
/// of high add up to -16 * 128 * 2 * 8 = -2^15 at worst.
struct FewLevels {
  static constexpr unsigned kParts = 2, kBatchSteps = 4;
  static constexpr std::int32_t kMiddle = 136;

  explicit FewLevels(const PanelHeader& h) : mask_(broadcast_byte(15)) {
    std::uint8_t low[16], high[16];
    for (unsigned i = 0; i < 16; ++i) {
      const unsigned level = h.levels[i] + 8u;
      low[i] = static_cast<std::uint8_t>(level % 16);
      high[i] = static_cast<std::uint8_t>(level / 16);
    }
    low_ = broadcast_table(low);
    high_ = broadcast_table(high);
  }
  inline LOWBIT_ALWAYS_INLINE void decode(VecI packed, VecI* q) const {
    const VecI first = and_bits(packed, mask_), second = and_bits(shift_right<4>(packed), mask_);
    q[0] = look_up(low_, first);
    q[1] = look_up(high_, first);
    q[2] = look_up(low_, second);
    q[3] = look_up(high_, second);
  }

 private:
  VecI mask_, low_, high_;
};

void run_any_rows(const TileArgs& args) {
  are_small(header_of(args.panel).levels) ? run_strips<Engine<Codes4>>(args)
                                          : run_strips<Engine<Split>>(args);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmLut4Avx2 =
    x86_maddubs::maddubs_kernel<x86_maddubs::FewLevels, x86_maddubs::run_any_rows>("lut4/avx2",
                                                                                   WeightFormat::lut4);

}  // namespace lowbit::kernels
