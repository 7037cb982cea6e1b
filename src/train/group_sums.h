// SPDX-License-Identifier: Apache-2.0
// Sums of the groups of a batch, added up in their order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "train/tape_node.h"

namespace lowbit::train {

/// `count` doubles for each group.
class GroupSums {
 public:
  explicit GroupSums(std::int64_t count)
      : count_(static_cast<std::size_t>(count)),
        sums_(static_cast<std::size_t>(SampleGroups::kMost) * static_cast<std::size_t>(count)) {}

  /// Zeros, for the group to add to.
  double* start(std::int64_t group) {
    double* sums = sums_.data() + static_cast<std::size_t>(group) * count_;
    std::fill_n(sums, count_, 0.0);
    return sums;
  }
  double total(std::int64_t groups, std::int64_t i) const {
    double sum = 0;
    for (std::int64_t g = 0; g < groups; ++g)
      sum += sums_[static_cast<std::size_t>(g) * count_ + static_cast<std::size_t>(i)];
    return sum;
  }
  std::size_t bytes() const { return sums_.size() * sizeof(double); }

 private:
  std::size_t count_;
  std::vector<double> sums_;
};

/// Adds to sums[c] the elements of channel c in `pixels` pixels. Up to 16 of them are added as floats.
inline void add_channel_sums(const float* x, std::int64_t pixels, std::int64_t channels, double* sums) {
  constexpr std::int64_t kPixels = 16, kChannels = 64;
  for (std::int64_t p = 0; p < pixels; p += kPixels) {
    const std::int64_t last = std::min(p + kPixels, pixels);
    for (std::int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const std::int64_t n = std::min(kChannels, channels - c0);
      float part[kChannels] = {};
      for (std::int64_t q = p; q < last; ++q)
        for (std::int64_t c = 0; c < n; ++c) part[c] += x[q * channels + c0 + c];
      for (std::int64_t c = 0; c < n; ++c) sums[c0 + c] += static_cast<double>(part[c]);
    }
  }
}

}  // namespace lowbit::train
