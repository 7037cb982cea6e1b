// SPDX-License-Identifier: Apache-2.0
// The codes of one tensor as floats, a block at a time, where widening them is one instruction a vector: see
// code_reals_avx2.inl for another way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

/// kSymmetric: zero point 0.
template <bool kSigned, bool kSymmetric>
class CodeReals {
 public:
  explicit CodeReals(const DequantizeParams& q)
      : zero_(broadcast_i(q.zero_point)), scale_(broadcast_f(q.scale)) {}

  static bool takes(float /*scale*/) { return true; }

  void store_block(float* out, const std::uint8_t* codes) const {
    for (unsigned v = 0; v < kBlock; v += kLanes) {
      const VecI code = kSigned ? load_codes_s8(codes + v) : load_codes_u8(codes + v);
      store_f(out + v, mul_f(to_float(kSymmetric ? code : sub_i(code, zero_)), scale_));
    }
  }

 private:
  VecI zero_;
  VecF scale_;
};

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
