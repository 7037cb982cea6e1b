// SPDX-License-Identifier: Apache-2.0
// Repeats the codes of a pixel for a channel multiplier. The kernel file has defined
//   lookup(table, index, offset, out)   out[i] = table[index[i] + offset], 16 bytes each, sums below 16
//
// 16 output codes come from at most 16 input codes: output o takes channel o / multiplier. Which of them,
// seen from the first one, depends on o % multiplier only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

namespace lowbit::kernels::depthwise {
namespace {

constexpr std::uint32_t kLookup = 16;  // codes that one lookup makes, and multipliers that use it

struct ExpandPattern {
  std::uint8_t index[kLookup][kLookup];  // [o % multiplier]
};

inline ExpandPattern expand_pattern(std::uint32_t multiplier) {
  ExpandPattern pattern;
  for (std::uint32_t phase = 0; phase < multiplier; ++phase)
    for (std::uint32_t i = 0; i < kLookup; ++i)
      pattern.index[phase][i] = static_cast<std::uint8_t>((phase + i) / multiplier);
  return pattern;
}

/// A pixel of at least kLookup channels. The last lookups reach back, in input and output, rather than beyond
/// the end.
inline void expand_pixel(const std::uint8_t* in, std::uint32_t channels, std::uint32_t multiplier,
                         const ExpandPattern& pattern, std::uint8_t* out) {
  const std::uint32_t end = channels * multiplier, last = channels - kLookup;
  const std::uint32_t whole = kLookup / multiplier, rest = kLookup % multiplier;
  std::uint32_t channel = 0, phase = 0;
  for (std::uint32_t o = 0; o + kLookup <= end; o += kLookup) {
    const std::uint32_t from = channel < last ? channel : last;
    lookup(in + from, pattern.index[phase], channel - from, out + o);
    channel += whole;
    phase += rest;
    if (phase >= multiplier) phase -= multiplier, ++channel;
  }
  const std::uint32_t o = end - kLookup;
  lookup(in + last, pattern.index[o % multiplier], o / multiplier - last, out + o);
}

void depthwise_expand(const DepthwiseExpand& e) {
  const bool small = e.multiplier <= kLookup;
  const ExpandPattern pattern = expand_pattern(small ? e.multiplier : 1);
  for (std::size_t p = 0; p < e.pixels; ++p) {
    const std::uint8_t* in = e.in + p * e.in_pixel_bytes;
    std::uint8_t* out = e.out + p * e.out_pixel_bytes;
    if (small && e.channels >= kLookup) {
      expand_pixel(in, e.channels, e.multiplier, pattern, out);
      continue;
    }
    for (std::uint32_t c = 0; c < e.channels; ++c, out += e.multiplier)
      for (std::uint32_t i = 0; i < e.multiplier; ++i) out[i] = in[c];
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
