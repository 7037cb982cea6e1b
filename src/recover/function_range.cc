// SPDX-License-Identifier: Apache-2.0
#include "recover/function_range.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/observe/choose_qparams.h"

namespace lowbit::detail {
namespace {

/// The function on a distribution, and on codes in its place.
class FunctionError {
 public:
  FunctionError(const ops::FunctionOp& op, const FloatHistogram& seen, IntRange codes)
      : op_(op), codes_(codes) {
    for (const FloatHistogram::Bin& bin : seen.bins()) {
      // Bins are narrow, but steps may be narrower.
      const int parts = bin.hi > bin.lo ? 4 : 1;
      for (int i = 0; i < parts; ++i) {
        const auto x = static_cast<float>(bin.lo + (bin.hi - bin.lo) * (i + 0.5) / parts);
        const float f = ops::function_value(op, x);
        if (std::isfinite(f)) points_.push_back({x, f, static_cast<double>(bin.count) / parts});
      }
    }
  }

  double operator()(Range range) const {
    const QParams q = choose_qparams(range, codes_, Mapping::asymmetric);
    std::vector<float> values;
    for (std::int32_t code = codes_.qmin; code <= codes_.qmax; ++code)
      values.push_back(ops::function_value(op_, q.scale * static_cast<float>(code - q.zero_point)));
    double error = 0;
    for (const Point& p : points_) {
      const double code =
          std::clamp<double>(std::nearbyint(p.x / q.scale) + q.zero_point, codes_.qmin, codes_.qmax);
      const float f = values[static_cast<std::size_t>(code - codes_.qmin)];
      const double miss = std::isfinite(f) ? static_cast<double>(f) - p.f : p.f;
      error += p.count * miss * miss;
    }
    return error;
  }

 private:
  struct Point {
    float x, f;
    double count;
  };
  const ops::FunctionOp& op_;
  IntRange codes_;
  std::vector<Point> points_{};
};

}  // namespace

// One end after the other, both from where they are now: first in steps of 1/32 of the whole, then finer.
Range function_range(const ops::FunctionOp& op, const FloatHistogram& seen, IntRange codes) {
  constexpr int kRounds = 3, kSteps = 32;
  const FunctionError error(op, seen, codes);
  const Range whole{std::min(seen.min(), 0.0f), std::max(seen.max(), 0.0f)};
  Range best = whole;
  double least = error(best);
  float reach = 1.0f;
  for (int round = 0; round < kRounds; ++round, reach /= 4) {
    for (float Range::*const end : {&Range::min, &Range::max}) {
      const float from = best.*end;
      for (int i = -kSteps; i <= kSteps; ++i) {
        Range tried = best;
        tried.*end = std::clamp(from + whole.*end * reach * static_cast<float>(i) / kSteps,
                                std::min(whole.*end, 0.0f), std::max(whole.*end, 0.0f));
        const double cost = error(tried);
        if (cost < least) least = cost, best = tried;
      }
    }
  }
  return best;
}

}  // namespace lowbit::detail
