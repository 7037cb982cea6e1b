// SPDX-License-Identifier: Apache-2.0
// BinnedObserver: what the observers have in common that choose their range from the whole distribution. They
// differ in `range` alone, so that a state of one is a state of the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/observe/float_histogram.h"

namespace lowbit {

/// How many ends of the range are chosen. `two`: each by itself, for asymmetric codes. `one`: a threshold on
/// |x|, for symmetric ones (quantize() of a model makes asymmetric codes of activations); the range is [-t,
/// t], less what no value reaches on the side of the smaller ones.
enum class RangeSides { one, two };

class BinnedObserver {
 public:
  void observe(std::span<const float> x) { seen_.observe(x); }
  std::uint64_t non_finite() const { return seen_.non_finite(); }

  std::vector<std::byte> state() const { return seen_.state(); }
  /// Throws Error(corrupt_file) for bytes that `state` does not make.
  void set_state(std::span<const std::byte> bytes) { seen_.set_state(bytes); }
  const FloatHistogram& distribution() const { return seen_; }

 protected:
  FloatHistogram seen_;
};

}  // namespace lowbit
