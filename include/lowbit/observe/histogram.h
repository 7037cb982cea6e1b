// Histogram: the range with the least mean squared error, found by a search over pairs of clip edges. The
// error of each pair is computed from the bins of a FloatHistogram, code by code: values are taken as evenly
// spread inside a bin, zeros as exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit {

class Histogram {
 public:
  void observe(std::span<const float> x) { seen_.observe(x); }
  void merge(const Histogram& other) { seen_.merge(other.seen_); }
  /// The clip range, zero included, with the least expected squared error (rounding inside, clipping outside)
  /// for that many codes. {min, max} as seen for more than 4096 codes, where clipping gains nothing.
  Range range(IntRange codes) const;

  std::vector<std::byte> state() const { return seen_.state(); }
  void set_state(std::span<const std::byte> bytes) { seen_.set_state(bytes); }
  const FloatHistogram& distribution() const { return seen_; }

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  FloatHistogram seen_;
};

}  // namespace lowbit
