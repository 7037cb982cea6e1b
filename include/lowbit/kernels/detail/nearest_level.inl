// SPDX-License-Identifier: Apache-2.0
// Codes of values that are no uniform grid: ranks among thresholds, and small floats. Plain loops, which the
// compiler turns into vector code for the file's instruction set; integers and comparisons give the same
// bits on each. Included inside a namespace, as elementwise_scalar.inl is.

#include "lowbit/core/minifloat_encode.inl"

constexpr std::size_t kRankBlock = 32;  // stay in registers while the thresholds pass

/// ranks[i] = how many thresholds are below x[i] * inverse_scale, which is 0 for NaN; kRankBlock elements.
inline void rank_block(const float* x, float inverse_scale, const float* thresholds, std::size_t count,
                       std::uint8_t* ranks) {
  float v[kRankBlock];
  std::int32_t above[kRankBlock] = {};
  for (std::size_t i = 0; i < kRankBlock; ++i) {
    const float scaled = x[i] * inverse_scale;
    v[i] = scaled == scaled ? scaled : 0.0f;
  }
  for (std::size_t t = 0; t < count; ++t) {
    const float limit = thresholds[t];
    for (std::size_t i = 0; i < kRankBlock; ++i) above[i] += v[i] > limit ? 1 : 0;
  }
  for (std::size_t i = 0; i < kRankBlock; ++i) ranks[i] = static_cast<std::uint8_t>(above[i]);
}

inline void rank_among(const float* x, std::size_t n, float inverse_scale, const float* thresholds,
                       std::size_t count, std::uint8_t* ranks) {
  std::size_t i = 0;
  for (; i + kRankBlock <= n; i += kRankBlock) rank_block(x + i, inverse_scale, thresholds, count, ranks + i);
  if (i == n) return;
  float rest[kRankBlock] = {};
  std::uint8_t rest_ranks[kRankBlock];
  __builtin_memcpy(rest, x + i, (n - i) * sizeof(float));
  rank_block(rest, inverse_scale, thresholds, count, rest_ranks);
  __builtin_memcpy(ranks + i, rest_ranks, n - i);
}

inline void encode_minifloat(const float* x, std::size_t n, float inverse_scale, int bits, int mantissa,
                             std::uint8_t* codes) {
  if (bits == 4) return encode_elements<4, 1, 1, false>(x, n, inverse_scale, 6.0f, codes);
  if (bits == 6 && mantissa == 3) return encode_elements<6, 3, 1, false>(x, n, inverse_scale, 7.5f, codes);
  if (bits == 6) return encode_elements<6, 2, 3, false>(x, n, inverse_scale, 28.0f, codes);
  if (mantissa == 3) return encode_elements<8, 3, 7, true>(x, n, inverse_scale, 448.0f, codes);
  encode_elements<8, 2, 15, true>(x, n, inverse_scale, 57344.0f, codes);
}
