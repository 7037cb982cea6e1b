// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/affine_qparams.h"
#include "lowbit/quant/detail/aciq.h"
#include "lowbit/quant/detail/affine_clip.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE AffineGroup spanning_group(double min, double max, IntRange codes, Mapping mapping) {
  if (mapping != Mapping::asymmetric_real) {
    const QParams q = affine_qparams(min, max, codes, mapping);
    return {q.scale, q.zero_point, codes.qmin, codes.qmax};
  }
  const QParams q = affine_qparams(0, max - min, codes, Mapping::asymmetric);
  return {q.scale, 0, codes.qmin, codes.qmax, static_cast<float>(min)};
}

namespace affine {

struct Ends {
  double min, max;
};

// `q` from 0 to 1; reorders `values`, of which there must be some.
inline double quantile(std::vector<float>& values, double q) {
  const double position = q * double(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(position);
  const auto at = values.begin() + below;
  std::nth_element(values.begin(), at, values.end());
  const double fraction = position - double(below);
  if (fraction == 0 || at + 1 == values.end()) return *at;
  const double above = *std::min_element(at + 1, values.end());
  return *at + fraction * (above - *at);
}

inline Ends percentile_range(std::span<const float> values, Range full, Mapping mapping, double percentile) {
  std::vector<float> kept;
  kept.reserve(values.size());
  const bool symmetric = mapping == Mapping::symmetric;
  for (const float v : values)
    if (finite(v)) kept.push_back(symmetric ? std::fabs(v) : v);
  const Ends all{full.min, full.max};
  if (kept.empty()) return all;
  const double inside = percentile / 100;
  Ends ends{0, 0};
  if (symmetric) {
    ends.max = quantile(kept, inside);
    ends.min = -ends.max;
  } else {
    ends.min = quantile(kept, (1 - inside) / 2);
    ends.max = quantile(kept, (1 + inside) / 2);
  }
  return ends.max > ends.min ? ends : all;
}

inline Ends aciq_range(std::span<const float> values, Range full, Mapping mapping, int bits) {
  const bool symmetric = mapping == Mapping::symmetric;
  const double center = symmetric ? 0.0 : finite_mean(values);
  const double alpha = aciq_alpha(finite_spread(values, center), bits);
  const double largest = std::max(std::fabs(full.min), std::fabs(full.max));
  const double min = symmetric ? -largest : full.min, max = symmetric ? largest : full.max;
  return {std::max(min, center - alpha), std::min(max, center + alpha)};
}

inline IntRange affine_codes(int bits, Mapping mapping, bool narrow) {
  return mapping == Mapping::symmetric ? signed_range(bits, narrow) : unsigned_range(bits);
}

}  // namespace affine

LOWBIT_INLINE AffineGroup fit_affine(Range range, int bits, Mapping mapping, bool narrow) {
  using namespace affine;
  return spanning_group(range.min, range.max, affine_codes(bits, mapping, narrow), mapping);
}

LOWBIT_INLINE AffineGroup fit_affine(std::span<const float> values, std::span<const float> importance,
                                     int bits, Mapping mapping, Clip clip, float percentile, bool narrow) {
  using namespace affine;
  if (bits < 2 || bits > 8)
    throw_error(ErrorCode::invalid_argument, sentence("affine codes have 2 to 8 bits, not {}", bits));
  check_importance(values, importance);
  if (clip == Clip::percentile && !(percentile > 0.0f && percentile <= 100.0f))
    throw_error(ErrorCode::invalid_argument,
                sentence("a percentile is above 0 and at most 100, not {}", percentile));
  const IntRange codes = affine_codes(bits, mapping, narrow);
  const Range full = finite_range(values);
  Ends ends{full.min, full.max};
  if (clip == Clip::percentile) ends = percentile_range(values, full, mapping, double(percentile));
  if (clip == Clip::aciq) ends = aciq_range(values, full, mapping, bits);
  const AffineGroup fit = spanning_group(ends.min, ends.max, codes, mapping);
  if (clip != Clip::mse) return fit;
  const GroupValues group = group_values(values, importance);
  return group.values.empty() ? fit : least_squares_group(group, fit, mapping);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
