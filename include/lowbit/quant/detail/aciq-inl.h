// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>

#include "lowbit/quant/detail/aciq.h"
#include "lowbit/quant/detail/group_values.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE double finite_mean(std::span<const float> values) {
  double sum = 0;
  std::size_t count = 0;
  for (const float v : values) {
    if (!finite(v)) continue;
    sum += double(v);
    ++count;
  }
  return count > 0 ? sum / double(count) : 0.0;
}

LOWBIT_INLINE Spread finite_spread(std::span<const float> values, double center) {
  double squares = 0, magnitudes = 0;
  std::size_t count = 0;
  for (const float v : values) {
    if (!finite(v)) continue;
    const double d = double(v) - center;
    squares += d * d;
    magnitudes += std::fabs(d);
    ++count;
  }
  if (count == 0) return {};
  return {std::sqrt(squares / double(count)), magnitudes / double(count)};
}

LOWBIT_INLINE double aciq_gaussian(int bits) {
  constexpr std::array<double, 8> kAlpha = {1.71063519, 2.15159277, 2.55913646, 2.93620062,
                                            3.28691474, 3.6151146,  3.92403714, 4.21632983};
  return kAlpha.at(static_cast<std::size_t>(bits - 2));
}

LOWBIT_INLINE double aciq_laplace(int bits) {
  constexpr std::array<double, 8> kAlpha = {2.83068299, 3.89722946, 5.02864014, 6.20476633,
                                            7.41312622, 8.64561995, 9.89675982, 11.16268502};
  return kAlpha.at(static_cast<std::size_t>(bits - 2));
}

LOWBIT_INLINE double aciq_alpha(Spread spread, int bits) {
  // The maximum log-likelihoods per value are -ln(sigma) - ln(2 pi e) / 2 and -ln(2 b) - 1: the Gaussian's is
  // the greater one below this ratio of sigma to b, the square root of 2 e / pi.
  constexpr double kRatio = 1.315489246958914;
  return spread.sigma < kRatio * spread.b ? aciq_gaussian(bits) * spread.sigma
                                          : aciq_laplace(bits) * spread.b;
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
