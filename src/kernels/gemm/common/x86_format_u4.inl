// SPDX-License-Identifier: Apache-2.0
// u4 weights for the x86 engines: byte b of a lane holds code b of its column in the low nibble and code 4 +
// b in the high one.
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
  static constexpr std::uint8_t kMiddle = 8;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::u4 && weights_fit_s8(spec);
  }
  /// Dwords of a panel from the canonical dwords of the same 8 codes.
  static VecI reorder(VecI x) {
    return or_bits(spread_nibbles(x), lane_shift_left<4>(spread_nibbles(lane_shift_right<16>(x))));
  }

  explicit Format(const std::uint8_t*) : mask_(broadcast_byte(15)) {}
  inline LOWBIT_ALWAYS_INLINE void decode(VecI v, VecI* q) const {
    q[0] = and_bits(v, mask_);
    q[1] = and_bits(shift_right<4>(v), mask_);
  }

 private:
  VecI mask_;
};

}  // namespace
}  // namespace lowbit::kernels
