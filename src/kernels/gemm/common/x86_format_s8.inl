// SPDX-License-Identifier: Apache-2.0
// s8 weights for the x86 engines: four codes of a column lie in a 32-bit lane, as they are multiplied. Takes
// any matrix whose weights fit an int8: the other formats are widened when packed.
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
  static constexpr bool kPlain = true;          // panels hold s8 weights, ready for dot4
  static constexpr unsigned kVectors = 1;       // of four codes, that a vector of the panel becomes
  static constexpr std::uint8_t kMiddle = 128;  // the unsigned code of weight 0

  static bool supports(const WeightSpec& spec) { return group_count(spec) == 1 || weights_fit_s8(spec); }
  static VecI reorder(VecI x) { return x; }

  explicit Format(const std::uint8_t*) {}
  inline LOWBIT_ALWAYS_INLINE void decode(VecI v, VecI* q) const { q[0] = v; }
};

}  // namespace
}  // namespace lowbit::kernels
