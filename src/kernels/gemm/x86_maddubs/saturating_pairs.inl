// SPDX-License-Identifier: Apache-2.0
// Finds the pairs of neighbouring s8 weights that vpmaddubsw could saturate on: with activations up to 255
// the sum of two products stays in an int16 if the weights of one sign add up to no more than 128 in
// absolute value. The excess of a pair is what must be taken from its larger weight.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_chunk.inl"
#include "kernels/gemm/x86_maddubs/maddubs_int16_ops.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

constexpr std::int32_t kPairLimit = 128;
// Columns that share an excess list.
constexpr unsigned kExcessColumns = 128;
// Codes that an excess list treats at a time, in steps of 4.
constexpr std::uint32_t kExcessSteps = 128;

inline std::int32_t absolute(std::int32_t v) {
  return v < 0 ? -v : v;
}

/// How far the pair exceeds the limit, with the sign of its weights; 0 if it does not.
inline std::int32_t excess_of(std::int32_t w0, std::int32_t w1) {
  if ((w0 < 0) != (w1 < 0)) return 0;
  const std::int32_t over = absolute(w0) + absolute(w1) - kPairLimit;
  if (over <= 0) return 0;
  return w0 < 0 ? -over : over;
}

/// Two bits for each of 16 pairs: whether it exceeds the limit.
inline unsigned excess_mask(const std::uint8_t* codes) {
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1),
                limit = _mm256_set1_epi16(kPairLimit);
  const __m256i above = _mm256_max_epi8(w, zero), below = _mm256_abs_epi8(_mm256_min_epi8(w, zero));
  const __m256i over = _mm256_or_si256(_mm256_cmpgt_epi16(_mm256_maddubs_epi16(above, ones), limit),
                                       _mm256_cmpgt_epi16(_mm256_maddubs_epi16(below, ones), limit));
  return static_cast<unsigned>(_mm256_movemask_epi8(over));
}

/// How many such pairs a run of row j has.
inline std::uint32_t count_run(const WeightSpec& spec, std::uint32_t j, std::int32_t folded,
                               const KRun& run) {
  std::uint32_t count = 0, t = 0;
  if (spec.format == WeightFormat::s8 && folded == 0) {
    const std::uint8_t* codes = spec.codes + j * spec.row_bytes + run_start(spec, run);
    for (; t + 32 <= run.codes; t += 32)
      count += static_cast<unsigned>(__builtin_popcount(excess_mask(codes + t))) / 2;
  }
  const WeightReader weight(spec, j, folded);
  for (; t + 1 < run.codes; t += 2) count += excess_of(weight(run, t), weight(run, t + 1)) != 0;
  return count;
}

/// Takes the excess out of `steps` steps of a packed panel of `width` columns: visit(column, code, excess)
/// for every such pair, codes counted from the panel's start, those of a column in order.
template <class V>
void clamp_panel(std::byte* codes, std::uint32_t width, std::size_t steps, V&& visit) {
  auto* at = reinterpret_cast<std::uint8_t*>(codes);
  for (std::size_t step = 0; step < steps; ++step)
    for (std::uint32_t column = 0; column < width; column += kLanes, at += kVectorBytes)
      for (unsigned mask = excess_mask(at); mask != 0; mask &= mask - 1, mask &= mask - 1) {
        const unsigned first = static_cast<unsigned>(__builtin_ctz(mask)) & ~1u;
        const std::int32_t w0 = static_cast<std::int8_t>(at[first]),
                           w1 = static_cast<std::int8_t>(at[first + 1]);
        const unsigned larger = first + (absolute(w1) > absolute(w0));
        const std::int32_t excess = excess_of(w0, w1);
        at[larger] = static_cast<std::uint8_t>(at[larger] - excess);
        visit(column + larger / 4, static_cast<std::uint32_t>(4 * step + larger % 4), excess);
      }
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
