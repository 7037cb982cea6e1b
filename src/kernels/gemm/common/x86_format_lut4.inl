// SPDX-License-Identifier: Apache-2.0
// lut4 weights for the x86 engines: indices lie as the codes of u4 do; a shuffle of bytes looks up the
// levels, kept as level + 128. One table for the matrix: a table for each row would need a shuffle for each
// column, and such matrices are widened into s8 kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/common/x86_int8_ops.inl"
#include "kernels/gemm/common/x86_pack_blocks.inl"

#define LOWBIT_X86_FORMAT

namespace lowbit::kernels {
namespace {

struct Format {
  static constexpr bool kPlain = false;
  static constexpr unsigned kVectors = 2;
  static constexpr std::uint8_t kMiddle = 128;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::lut4 && !spec.levels_per_row;
  }
  static VecI reorder(VecI x) {
    return or_bits(spread_nibbles(x), lane_shift_left<4>(spread_nibbles(lane_shift_right<16>(x))));
  }

  /// `levels`: 16 of them, plus 128.
  explicit Format(const std::uint8_t* levels) : mask_(broadcast_byte(15)), table_(broadcast_table(levels)) {}
  inline LOWBIT_ALWAYS_INLINE void decode(VecI v, VecI* q) const {
    q[0] = look_up(table_, and_bits(v, mask_));
    q[1] = look_up(table_, and_bits(shift_right<4>(v), mask_));
  }

 private:
  VecI mask_, table_;
};

}  // namespace
}  // namespace lowbit::kernels
