// SPDX-License-Identifier: Apache-2.0
// MinMaxObserver: the smallest and largest finite value of a stream. Exactly mergeable: min and max are
// associative.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

class MinMaxObserver {
 public:
  void observe(std::span<const float> x);
  void merge(const MinMaxObserver& other);
  /// {min, max} as seen; {0, 0} when nothing finite was.
  Range range(IntRange codes) const;
  bool empty() const { return !(min_ <= max_); }
  std::uint64_t non_finite() const { return non_finite_; }

  std::vector<std::byte> state() const;
  /// Throws Error(corrupt_file) for bytes that `state` does not make.
  void set_state(std::span<const std::byte> bytes);

 private:
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
  std::uint64_t non_finite_ = 0;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/minmax-inl.h"
#endif
