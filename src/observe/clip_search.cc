#include "observe/clip_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lowbit::detail {

BinnedError::BinnedError(const std::vector<Bin>& bins) : bins_(bins) {
  prefix_.reserve(bins.size() + 1);
  Moments m{0, 0, 0};
  prefix_.push_back(m);
  for (const Bin& b : bins) {
    const auto count = static_cast<double>(b.count);
    m.count += count;
    m.sum += count * (b.lo + b.hi) / 2;
    m.squares += count * (b.lo * b.lo + b.lo * b.hi + b.hi * b.hi) / 3;
    prefix_.push_back(m);
  }
}

// Moments of all values below x, the part of a bin that x cuts included.
BinnedError::Moments BinnedError::below(double x) const {
  const auto after =
      std::upper_bound(bins_.begin(), bins_.end(), x, [](double v, const Bin& b) { return v <= b.lo; });
  const auto n = static_cast<std::size_t>(after - bins_.begin());
  if (n == 0) return prefix_[0];
  const Bin& b = bins_[n - 1];
  if (x >= b.hi) return prefix_[n];
  Moments m = prefix_[n - 1];
  const double count = static_cast<double>(b.count) * ((x - b.lo) / (b.hi - b.lo));
  m.count += count;
  m.sum += count * (b.lo + x) / 2;
  m.squares += count * (b.lo * b.lo + b.lo * x + x * x) / 3;
  return m;
}

double BinnedError::operator()(double min, double max, int steps) const {
  const double scale = (max - min) / steps;
  const double first = -std::clamp(std::nearbyint(-min / scale), 0.0, double(steps));
  double error = 0;
  Moments low = prefix_.front();
  for (int i = 0; i <= steps; ++i) {
    // Code i takes every value up to half a step above it; the last one takes all that is left.
    const double value = (first + i) * scale;
    const Moments high = i == steps ? prefix_.back() : below(value + scale / 2);
    const double count = high.count - low.count;
    if (count > 0) {
      const double e =
          (high.squares - low.squares) - 2 * value * (high.sum - low.sum) + value * value * count;
      error += e > 0 ? e : 0;
    }
    low = high;
  }
  return error;
}

namespace {

// Factors 2^-a and 2^-b on the two ends of the full range: a coarse grid in whole powers, which sees every
// local minimum that an outlier makes, then ever smaller steps downhill.
class Search {
 public:
  Search(const BinnedError& error, Range full, int steps) : error_(error), full_(full), steps_(steps) {}

  Range run() {
    const bool has_min = full_.min<0, has_max = full_.max> 0;
    const int depth = has_min && has_max ? 12 : 20;
    for (int a = 0; a <= (has_min ? depth : 0); ++a)
      for (int b = 0; b <= (has_max ? depth : 0); ++b) take(a, b);
    for (double step = 0.5; step > 1.0 / 300; step /= 2)
      while (improve(step, has_min, has_max)) continue;
    return edges(a_, b_);
  }

 private:
  Range edges(double a, double b) const {
    return {static_cast<float>(full_.min * std::exp2(-a)), static_cast<float>(full_.max * std::exp2(-b))};
  }

  bool improve(double step, bool has_min, bool has_max) {
    const double a = a_, b = b_;
    bool better = false;
    for (const int da : {-1, 0, 1})
      for (const int db : {-1, 0, 1})
        if ((da || db) && (has_min || !da) && (has_max || !db)) better |= take(a + da * step, b + db * step);
    return better;
  }

  bool take(double a, double b) {
    if (a < 0 || b < 0) return false;
    const Range r = edges(a, b);
    if (!(r.max > r.min)) return false;
    const double e = error_(r.min, r.max, steps_);
    if (!(e < best_)) return false;
    best_ = e, a_ = a, b_ = b;
    return true;
  }

  const BinnedError& error_;
  Range full_;
  int steps_;
  double best_ = std::numeric_limits<double>::infinity(), a_ = 0, b_ = 0;
};

}  // namespace

Range search_clip_range(const BinnedError& error, Range full, int steps) {
  return Search(error, full, steps).run();
}

}  // namespace lowbit::detail
