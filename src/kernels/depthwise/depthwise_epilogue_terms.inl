// SPDX-License-Identifier: Apache-2.0
// The terms of a block of channels, gathered into the order of the sums. The kernel file has defined
//   load_quads_i(p), load_quads_f(p)    kLanes elements, four from each pointer
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/depthwise/depthwise_multiply_add.inl"

namespace lowbit::kernels::depthwise {
namespace {

/// Lanes of vector `v` of the terms: pieces of four channels, as term_of_lane() has them.
template <class T>
inline void quads_of(const T* source, const Block& block, unsigned v, const T** quads) {
  const unsigned mask = block.width - 1;  // a power of two
  for (unsigned l = 0; l < kLanes / 4; ++l) quads[l] = source + (l * 4 * kVectors & mask) + 4 * v;
}

/// A vector of a channel array; null: `absent` everywhere. `few` holds a block of few channels.
inline VecI column_ints(const std::int32_t* source, const Block& block, unsigned v) {
  if (source == nullptr) return broadcast_i(0);
  const std::int32_t* quads[kLanes / 4];
  if (block.count == block.width) {
    quads_of(source + block.start, block, v, quads);
    return load_quads_i(quads);
  }
  std::int32_t few[kMinWidth] = {};
  for (unsigned c = 0; c < block.count; ++c) few[c] = source[c];
  quads_of(few, block, v, quads);
  return load_quads_i(quads);
}

inline VecF column_floats(const float* source, const Block& block, unsigned v, float absent) {
  if (source == nullptr) return broadcast_f(absent);
  const float* quads[kLanes / 4];
  if (block.count == block.width) {
    quads_of(source + block.start, block, v, quads);
    return load_quads_f(quads);
  }
  float few[kMinWidth] = {};
  for (unsigned c = 0; c < block.count; ++c) few[c] = source[c];
  quads_of(few, block, v, quads);
  return load_quads_f(quads);
}

/// Gathers the terms of a block; an absent factor is 1 and an absent addend -0. `flip`: what undoes the flip
/// of the sign bit. Returns whether the float of every sum fits an int32, |sum| < 2^31, so that codes may be
/// clamped after rounding: every scale of a real network does.
inline bool set_terms(const Epilogue& e, const Block& block, const std::int32_t* flip, BlockTerms& terms) {
  const VecF zero = broadcast_f(0.0f);
  VecF factor = zero, shift = zero;
  for (unsigned v = 0; v < kVectors; ++v) {
    VecI constant = column_ints(e.column_constant, block, v);
    if (e.row_a) constant = sub_i(constant, mul_i(broadcast_i(e.row_a[0]), column_ints(e.col_a, block, v)));
    if constexpr (kSignFlip) constant = add_i(constant, load_i(flip + v * kLanes));
    const VecF multiplier = column_floats(e.multiplier, block, v, 1.0f);
    const VecF addend = column_floats(e.addend, block, v, -0.0f);
    store_i(terms.constant + v * kLanes, constant);
    store_f(terms.multiplier + v * kLanes, multiplier);
    store_f(terms.addend + v * kLanes, addend);
    factor = larger(factor, larger(multiplier, sub_f(zero, multiplier)));
    shift = larger(shift, larger(addend, sub_f(zero, addend)));
  }
  // Below 1/2 and 2^30, so that |sum| * factor + shift < 2^31: larger ones become infinite here.
  const VecF large = mul_f(mul_f(factor, broadcast_f(0x1p127f)), broadcast_f(4.0f));
  return count_true(is_finite(add_f(large, mul_f(shift, broadcast_f(0x1p98f))))) == kLanes;
}

/// The u8 code of an end of the range of floats.
inline std::uint8_t code_of_limit(const Epilogue& e, float limit) {
  if (e.out != OutType::u8) return 0;
  std::int32_t rounded[kLanes];
  store_i(rounded, round_to_int(broadcast_f(limit)));
  return static_cast<std::uint8_t>(rounded[0] + e.zero_point);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
