// SPDX-License-Identifier: Apache-2.0
// int32 sums, and sums of two codes, to codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/quantize.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

struct ScaledSums {
  static constexpr unsigned kUnroll = 4;
  static constexpr bool kChannels = false;
  const std::int32_t* x;
  VecF multiplier;
  auto block(std::size_t i) const {
    return [this, p = x + i](unsigned v) { return mul_f(to_float(load_i(p + v * kLanes)), multiplier); };
  }
};

template <bool kAddends>
struct ChannelScaledSums {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = false;
  const std::int32_t* x;
  Channels<float> multiplier, addend;
  auto block(std::size_t i) const {
    return [p = x + i, m = multiplier.at(i), a = addend.at(i)](unsigned v) {
      const VecF f = mul_f(to_float(load_i(p + v * kLanes)), load_f(m + v * kLanes));
      return kAddends ? add_f(f, load_f(a + v * kLanes)) : f;
    };
  }
};

void requantize_full(const std::int32_t* x, std::size_t n, const RequantizeParams& q, std::uint8_t* out) {
  const CodeTarget target = {{q.lo, q.hi, q.zero_point, q.type}, nullptr, out};
  if (q.addends || q.addend != 0.0f) {
    const ChannelScaledSums<true> source{x, {q.multipliers, q.multiplier}, {q.addends, q.addend}};
    codes_of<false>(source, target, n, false);
  } else if (q.multipliers) {
    const ChannelScaledSums<false> source{x, {q.multipliers, q.multiplier}, {nullptr, 0.0f}};
    codes_of<false>(source, target, n, false);
  } else {
    const bool fits = q.multiplier < 1.0f && q.multiplier > -1.0f;
    codes_of<false>(ScaledSums{x, broadcast_f(q.multiplier)}, target, n, fits);
  }
}

void requantize(const std::int32_t* x, std::size_t n, const RequantizeParams& q, void* codes) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (n >= kBlock) return requantize_full(x, n, q, out);
  Padded<std::int32_t> in;
  Padded<float> multipliers, addends;
  RequantizeParams padded = q;
  padded.multipliers = multipliers.copy(q.multipliers, n);
  padded.addends = addends.copy(q.addends, n);
  std::uint8_t block[kBlock];
  requantize_full(in.copy(x, n), kBlock, padded, block);
  __builtin_memcpy(out, block, n);
}

struct CodeSums {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = false;
  const std::uint8_t *a, *b;
  VecF a_zero, b_zero, a_multiplier, b_multiplier;
  auto block(std::size_t i) const {
    return [this, p = a + i, q = b + i](unsigned v) {
      const VecF fa = sub_f(to_float(load_codes_u8(p + v * kLanes)), a_zero);
      const VecF fb = sub_f(to_float(load_codes_u8(q + v * kLanes)), b_zero);
      return add_f(mul_f(fa, a_multiplier), mul_f(fb, b_multiplier));
    };
  }
};

void add_full(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
              std::uint8_t* out) {
  const CodeSums source = {a,
                           b,
                           broadcast_f(p.a_zero),
                           broadcast_f(p.b_zero),
                           broadcast_f(p.a_multiplier),
                           broadcast_f(p.b_multiplier)};
  const float largest = (255.0f + __builtin_fabsf(p.a_zero)) * __builtin_fabsf(p.a_multiplier) +
                        (255.0f + __builtin_fabsf(p.b_zero)) * __builtin_fabsf(p.b_multiplier);
  const CodeTarget target = {{p.lo, p.hi, p.zero_point, CodeType::u8}, nullptr, out};
  codes_of<false>(source, target, n, largest < 0x1p30f);
}

void add_u8(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
            std::uint8_t* out) {
  if (n >= kBlock) return add_full(a, b, n, p, out);
  Padded<std::uint8_t> in_a, in_b;
  std::uint8_t block[kBlock];
  add_full(in_a.copy(a, n), in_b.copy(b, n), kBlock, p, block);
  __builtin_memcpy(out, block, n);
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
