// MinMax: the smallest and largest finite value of a stream. Exactly mergeable: min and max are associative.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "lowbit/core/qparams.h"

namespace lowbit {

class MinMax {
 public:
  void observe(std::span<const float> x);
  void merge(const MinMax& other);
  /// {min, max} as seen; {0, 0} when nothing finite was.
  Range range(IntRange codes) const;
  std::uint64_t non_finite() const { return non_finite_; }

 private:
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
  std::uint64_t non_finite_ = 0;
};

}  // namespace lowbit
