// SPDX-License-Identifier: Apache-2.0
// BinnedError: squared errors of evenly spaced levels over the distribution that a FloatHistogram holds.
// Moments are summed from zero outwards, on each side by itself, so that a far outlier takes no precision
// from the values near zero; a sum over any interval is then the difference of two looked up in tables.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit::detail {

/// `count` levels first, first + step, ...; a value goes to the nearest one.
struct Levels {
  double first, step;
  std::int64_t count;
};

/// The bin of a magnitude, as FloatHistogram numbers those of one sign, and where a bin begins.
std::uint32_t bin_of(double magnitude);
double bin_begin(std::uint32_t bin);

class BinnedError {
 public:
  struct Moments {
    double count = 0, sum = 0, squares = 0;
  };

  explicit BinnedError(const FloatHistogram& seen);
  /// Sum of squared errors. Values that lie more than half a step beyond the outermost levels count
  /// `clip_weight` times.
  double operator()(const Levels& levels, double clip_weight = 1) const;
  /// Sum of (x - at)^2 over the values above, or below, `at`.
  double above(double at) const;
  double below(double at) const;
  /// Of the values from `lo` up to `hi`.
  Moments between(double lo, double hi) const { return minus(at(hi), at(lo)); }
  /// Of all of them.
  Moments total() const { return minus(positive_.all, negated(negative_.all)); }

 private:
  // Magnitudes of one sign. The nearest and the farthest may be bins of no width.
  struct Side {
    double nearest = 0, farthest = 0;
    std::uint32_t first = 0;               // bin
    double first_begin = 0, last_end = 0;  // where the outer bins are cut
    std::vector<Moments> sums{Moments{}};  // below bin first + index, the nearest value included
    Moments all;

    void add(double lo, double hi, std::uint64_t count);
    void add_bin(double lo, double hi, const Moments& m);
    Moments within(double magnitude) const;
  };
  static Moments minus(const Moments& a, const Moments& b) {
    return {a.count - b.count, a.sum - b.sum, a.squares - b.squares};
  }
  // Of values left of zero, as what there is less to the right of them.
  static Moments negated(const Moments& m) { return {-m.count, m.sum, -m.squares}; }
  Moments at(double x) const { return x >= 0 ? positive_.within(x) : negated(negative_.within(-x)); }

  Side negative_, positive_;
};

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/detail/binned_error-inl.h"
#endif
