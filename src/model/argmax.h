// The class that a model chose.
#pragma once

#include <cstdint>

namespace lowbit {

/// Index of the largest of n elements, the first of equals; NaN is never the largest, unless all are.
inline std::int64_t argmax(const float* x, std::int64_t n) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n; ++i)
    if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;
  return best;
}

}  // namespace lowbit
