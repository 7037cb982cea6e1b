// The softmax of floats that lie side by side. Largest element and sum are kept in 16 parts, element i in
// part i % 16, combined in the order of a binary tree: vectors of any width get the same bits.
#pragma once

#include <array>
#include <cstdint>

#include "layers/exp.h"

namespace lowbit::ops {

/// `out` may be `in`; n is at least 1.
inline void softmax_row(const float* in, std::int64_t n, float* out) {
  constexpr std::int64_t kParts = 16;
  const auto part = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  std::array<float, kParts> parts;
  parts.fill(in[0]);
  std::int64_t i = 0;
  for (; i + kParts <= n; i += kParts)
    for (std::int64_t p = 0; p < kParts; ++p)
      parts[part(p)] = in[i + p] > parts[part(p)] ? in[i + p] : parts[part(p)];
  for (; i < n; ++i) parts[0] = in[i] > parts[0] ? in[i] : parts[0];
  float max = parts[0];
  for (const float v : parts) max = v > max ? v : max;
  for (i = 0; i < n; ++i) out[i] = exp_of_nonpositive(in[i] - max);
  parts.fill(0.0f);
  for (i = 0; i + kParts <= n; i += kParts)
    for (std::int64_t p = 0; p < kParts; ++p) parts[part(p)] += out[i + p];
  for (std::int64_t p = 0; i < n; ++i, ++p) parts[part(p)] += out[i];
  for (std::int64_t half = kParts / 2; half > 0; half /= 2)
    for (std::int64_t p = 0; p < half; ++p) parts[part(p)] += parts[part(p + half)];
  for (i = 0; i < n; ++i) out[i] /= parts[0];
}

}  // namespace lowbit::ops
