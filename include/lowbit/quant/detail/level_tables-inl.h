// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/level_tables.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace level_tables {

inline constexpr std::array<float, 16> kNf4 = {-1.0f,
                                               -0.6961928009986877f,
                                               -0.5250730514526367f,
                                               -0.39491748809814453f,
                                               -0.28444138169288635f,
                                               -0.18477343022823334f,
                                               -0.09105003625154495f,
                                               0.0f,
                                               0.07958029955625534f,
                                               0.16093020141124725f,
                                               0.24611230194568634f,
                                               0.33791524171829224f,
                                               0.44070982933044434f,
                                               0.5626170039176941f,
                                               0.7229568362236023f,
                                               1.0f};

// Positive levels in ascending order with zero and their negatives.
template <std::size_t N>
constexpr std::array<float, 2 * N + 1> with_negatives(const std::array<float, N>& positive) {
  std::array<float, 2 * N + 1> levels{};
  for (std::size_t i = 0; i < N; ++i) {
    levels[N + 1 + i] = positive[i];
    levels[N - 1 - i] = -positive[i];
  }
  return levels;
}

// All in the range of normal numbers: the least is 2^-126.
template <int Bits>
constexpr auto log_table() {
  std::array<float, (std::size_t{1} << (Bits - 1)) - 1> positive{};
  float power = 1.0f;
  for (std::size_t i = positive.size(); i-- > 0; power *= 0.5f) positive[i] = power;
  return with_negatives(positive);
}
template <int Bits>
inline constexpr auto kLog = log_table<Bits>();

constexpr auto sqrt2_table() {
  std::array<float, 127> positive{};
  float even = 1.0f, odd = 0.707106781186547524f;
  for (std::size_t i = positive.size(); i-- > 0;) {
    const bool is_even = (positive.size() - 1 - i) % 2 == 0;
    float& power = is_even ? even : odd;
    positive[i] = power;
    power *= 0.5f;
  }
  return with_negatives(positive);
}
inline constexpr auto kSqrt2 = sqrt2_table();

// In the order of the powers 2^-1, 2^-2, ... each is of the next term in turn, the term of the odd bit having
// its turn once, after two rounds; so that a sum is any set of powers that has no two of one term.
template <int Bits>
constexpr auto apot_table() {
  constexpr int kTerms = (Bits - 1) / 2, kOdd = (Bits - 1) % 2, kPowers = 3 * kTerms + kOdd;
  constexpr std::size_t kCount = (std::size_t{1} << (Bits - 1)) - 1;
  const auto term_of = [](int power) {  // 1 ... kPowers
    if (power <= 2 * kTerms) return (power - 1) % kTerms;
    return kOdd != 0 && power == 2 * kTerms + 1 ? kTerms : power - kOdd - 1 - 2 * kTerms;
  };
  std::array<int, kCount> sums{};  // times 2^kPowers; found in ascending order
  std::size_t n = 0;
  for (int sum = 1; sum < 1 << kPowers; ++sum) {
    std::array<int, kTerms + 1> used{};
    for (int power = 1; power <= kPowers; ++power)
      used[static_cast<std::size_t>(term_of(power))] += sum >> (kPowers - power) & 1;
    if (std::all_of(used.begin(), used.end(), [](int u) { return u < 2; })) sums[n++] = sum;
  }
  std::array<float, kCount> positive{};
  for (std::size_t i = 0; i < kCount; ++i)
    positive[i] = static_cast<float>(sums[i]) / static_cast<float>(sums[kCount - 1]);
  return with_negatives(positive);
}
template <int Bits>
inline constexpr auto kApot = apot_table<Bits>();

[[noreturn]] inline void refuse(std::string_view levels, int least, int bits) {
  throw_error(ErrorCode::invalid_argument,
              sentence("{} levels have {} to 8 bits, not {}", levels, least, bits));
}

}  // namespace level_tables

LOWBIT_INLINE std::span<const float> nf4_levels() {
  using namespace level_tables;
  return kNf4;
}

LOWBIT_INLINE std::span<const float> log_levels(int bits) {
  using namespace level_tables;
  switch (bits) {
    case 2:
      return kLog<2>;
    case 3:
      return kLog<3>;
    case 4:
      return kLog<4>;
    case 5:
      return kLog<5>;
    case 6:
      return kLog<6>;
    case 7:
      return kLog<7>;
    case 8:
      return kLog<8>;
    default:
      refuse("power-of-two", 2, bits);
  }
}

LOWBIT_INLINE std::span<const float> sqrt2_levels() {
  using namespace level_tables;
  return kSqrt2;
}

LOWBIT_INLINE std::span<const float> apot_levels(int bits) {
  using namespace level_tables;
  switch (bits) {
    case 3:
      return kApot<3>;
    case 4:
      return kApot<4>;
    case 5:
      return kApot<5>;
    case 6:
      return kApot<6>;
    case 7:
      return kApot<7>;
    case 8:
      return kApot<8>;
    default:
      refuse("additive power-of-two", 3, bits);
  }
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
