// SPDX-License-Identifier: Apache-2.0
// Floats to codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/round_to_codes_checked.inl"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::kernels::elementwise_loops {
namespace {

// Sources. kUnroll: blocks of a turn of the loop. kChannels: may go with an array of zero points.

struct ScaledFloats {
  static constexpr unsigned kUnroll = 4;
  static constexpr bool kChannels = false;
  const float* x;
  VecF inverse_scale;
  auto block(std::size_t i) const {
    return [this, p = x + i](unsigned v) { return mul_f(load_f(p + v * kLanes), inverse_scale); };
  }
};

struct ChannelScaledFloats {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = true;
  const float* x;
  Channels<float> inverse_scale;
  auto block(std::size_t i) const {
    return [p = x + i, s = inverse_scale.at(i)](unsigned v) {
      return mul_f(load_f(p + v * kLanes), load_f(s + v * kLanes));
    };
  }
};

template <bool kSum>
std::uint32_t quantize_full(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out) {
  const CodeTarget target = {{q.lo, q.hi, q.zero_point, q.type}, q.zero_points, out};
  if (q.inverse_scales || q.zero_points)
    return codes_of<kSum>(ChannelScaledFloats{x, {q.inverse_scales, q.inverse_scale}}, target, n, false);
  return codes_of<kSum>(ScaledFloats{x, broadcast_f(q.inverse_scale)}, target, n, false);
}

void quantize_short(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out,
                    std::int32_t* sum) {
  Padded<float> in, scales;
  Padded<std::int32_t> zeros;
  QuantizeParams padded = q;
  padded.inverse_scales = scales.copy(q.inverse_scales, n);
  padded.zero_points = zeros.copy(q.zero_points, n);
  std::uint8_t codes[kBlock];
  quantize_full<false>(in.copy(x, n), kBlock, padded, codes);
  __builtin_memcpy(out, codes, n);
  if (sum == nullptr) return;
  *sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    *sum += q.type == CodeType::s8 ? static_cast<std::int8_t>(codes[i]) : std::int32_t{codes[i]};
}

void quantize(const float* x, std::size_t n, const QuantizeParams& q, void* codes, std::int32_t* sum) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (n < kBlock) {
    quantize_short(x, n, q, out, sum);
  } else if (sum) {
    *sum = static_cast<std::int32_t>(quantize_full<true>(x, n, q, out));
  } else {
    quantize_full<false>(x, n, q, out);
  }
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
