// SPDX-License-Identifier: Apache-2.0
// s2 weights for the x86 engines: byte b of a lane holds codes b, 4 + b, 8 + b and 12 + b of its column,
// lowest bits first.
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
  static constexpr unsigned kVectors = 4;
  static constexpr std::uint8_t kMiddle = 2;  // the code of weight 0

  static bool supports(const WeightSpec& spec) {
    return spec.format == WeightFormat::s2 && weights_fit_s8(spec);
  }
  /// Dwords of a panel from the canonical dwords of the same 16 codes: a 4 x 4 transposition of its 2-bit
  /// fields.
  static VecI reorder(VecI x) {
    VecI t = and_bits(xor_bits(x, lane_shift_right<12>(x)), broadcast_i(0x0000F0F0));
    x = xor_bits(x, xor_bits(t, lane_shift_left<12>(t)));
    t = and_bits(xor_bits(x, lane_shift_right<6>(x)), broadcast_i(0x00CC00CC));
    return xor_bits(x, xor_bits(t, lane_shift_left<6>(t)));
  }

  explicit Format(const std::uint8_t*) : mask_(broadcast_byte(3)) {}
  inline LOWBIT_ALWAYS_INLINE void decode(VecI v, VecI* q) const {
    q[0] = and_bits(v, mask_);
    q[1] = and_bits(shift_right<2>(v), mask_);
    q[2] = and_bits(shift_right<4>(v), mask_);
    q[3] = and_bits(shift_right<6>(v), mask_);
  }

 private:
  VecI mask_;
};

}  // namespace
}  // namespace lowbit::kernels
