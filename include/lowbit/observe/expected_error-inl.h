// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/detail/binned_error.h"
#include "lowbit/observe/expected_error.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE ExpectedError expected_error(const FloatHistogram& distribution, QParams q, IntRange codes) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!(q.scale > 0) || !std::isfinite(q.scale))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a scale is positive and finite, not {}", q.scale));
  if (codes.qmin >= codes.qmax || q.zero_point < codes.qmin || q.zero_point > codes.qmax)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("the zero point {} is none of the codes from {} to {}", q.zero_point,
                                         codes.qmin, codes.qmax));
  if (distribution.empty()) return {0, kInfinity, 0};
  const detail::BinnedError error(distribution);
  const double scale = double(q.scale), zero = q.zero_point;
  const detail::Levels levels{(codes.qmin - zero) * scale, scale, std::int64_t{codes.qmax} - codes.qmin + 1};
  const auto all = error.total();
  const double top = std::nextafter((codes.qmax - zero + 0.5) * scale, kInfinity);
  const double kept = error.between((codes.qmin - zero - 0.5) * scale, top).count;
  const double sum = error(levels);
  return {sum / all.count, sum > 0 ? 10 * std::log10(all.squares / sum) : kInfinity,
          kept < all.count ? (all.count - kept) / all.count : 0.0};
}

}  // namespace lowbit
LOWBIT_END_EXACT
