// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lowbit/core/error.h"
#include "lowbit/observe/detail/binned_error.h"
#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/observe/detail/clip_search.h"
#include "lowbit/observe/mse.h"
#include "lowbit/quant/affine_qparams.h"
#include "lowbit/quant/detail/magnitude.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::mse {

class CodeCost final : public detail::ClipCost {
 public:
  CodeCost(const FloatHistogram& seen, IntRange codes, RangeSides sides)
      : error_(seen), codes_(codes), sides_(sides) {}

  double cost(Range clip) const override { return error_(levels(clip)); }
  double at_least(Range clip) const override {
    const detail::Levels l = levels(clip);
    // The outermost levels are at most half a step outside of the clip range: an integer zero point moves
    // them by less.
    if (sides_ == RangeSides::one) return error_.below(l.first) + error_.above(last(l));
    return error_.below(double(clip.min) - l.step / 2) + error_.above(double(clip.max) + l.step / 2);
  }

 private:
  static double last(const detail::Levels& l) { return l.first + static_cast<double>(l.count - 1) * l.step; }
  // With one side the range holds the threshold as its maximum.
  detail::Levels levels(Range clip) const {
    const QParams q = sides_ == RangeSides::one
                          ? detail::affine_qparams(-clip.max, clip.max, codes_, Mapping::symmetric)
                          : detail::affine_qparams(clip.min, clip.max, codes_, Mapping::asymmetric);
    const double scale = q.scale;
    return {(double(codes_.qmin) - q.zero_point) * scale, scale, detail::code_count(codes_)};
  }

  detail::BinnedError error_;
  IntRange codes_;
  RangeSides sides_;
};

}  // namespace detail::mse

LOWBIT_INLINE void MseObserver::merge(const MseObserver& other) {
  if (other.sides_ != sides_)
    detail::throw_error(ErrorCode::invalid_argument, "'mse' and 'mse-one-sided' observers cannot be merged");
  seen_.merge(other.seen_);
}

LOWBIT_INLINE Range MseObserver::range(IntRange codes) const {
  using namespace detail::mse;
  const Range full = detail::range_with_zero(seen_);
  if (!detail::worth_clipping(full, codes)) return full;
  const CodeCost cost(seen_, codes, sides_);
  const auto steps = static_cast<double>(detail::code_count(codes) - 1);
  const double fewer = std::max(steps - 1, 1.0);
  if (sides_ == RangeSides::one) {
    const float largest = detail::largest_magnitude(full);
    const Range limit{0, detail::within_floats(double(largest) * steps / fewer)};
    return detail::range_of_threshold(detail::search_clip_range(cost, {0, largest}, limit, true).max, full);
  }
  const double step =
      full.min < 0 && full.max > 0 && steps > 1 ? (double(full.max) - double(full.min)) / fewer : 0;
  return detail::search_clip_range(cost, full,
                                   {-detail::within_floats(double(step) - double(full.min)),
                                    detail::within_floats(double(full.max) + step)},
                                   true);
}

}  // namespace lowbit
LOWBIT_END_EXACT
