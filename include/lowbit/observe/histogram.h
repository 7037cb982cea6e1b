// Histogram: counts of values in bins that are a float's sign, exponent and top mantissa bits. Such bins never have to
// grow or be rebuilt, whatever comes, so that merging is exact and does not depend on the order; the relative width of
// a bin is constant. The range is chosen by a search over pairs of bin edges for the least mean squared error.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/qparams.h"

namespace lowbit {

class Histogram {
 public:
  void observe(std::span<const float> x);
  void merge(const Histogram& other);
  /// The clip range with the least expected squared error (rounding inside, clipping outside) for that many codes.
  Range range(IntRange codes) const;

  std::uint64_t count() const { return count_; }
  std::uint64_t non_finite() const { return non_finite_; }

 private:
  std::vector<std::uint64_t> bins_;
  std::uint64_t count_ = 0, non_finite_ = 0;
  float min_ = 0, max_ = 0;
};

}  // namespace lowbit
