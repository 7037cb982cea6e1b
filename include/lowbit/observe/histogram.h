// Histogram: counts of values in bins that are a float's sign, exponent and top 8 mantissa bits. Such bins
// never have to grow or be rebuilt, whatever comes, so that merging is exact and does not depend on the
// order; a bin is 0.2 to 0.4 % of its value wide. The range is chosen by a search over pairs of clip edges
// for the least mean squared error, which is computed from the bins code by code: values are taken as evenly
// spread inside a bin, zeros as exact.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lowbit/core/qparams.h"

namespace lowbit {

/// Memory: 12 KB, and 2 KB for each pair of sign and exponent that occurred; some 100 KB for most
/// tensors, 1.06 MB if every exponent that floats have occurs.
class Histogram {
 public:
  void observe(std::span<const float> x);
  void merge(const Histogram& other);
  /// The clip range, zero included, with the least expected squared error (rounding inside, clipping outside)
  /// for that many codes. {min, max} as seen for more than 4096 codes, where clipping gains nothing.
  Range range(IntRange codes) const;

  /// Everything observed, the non-finite values too.
  std::uint64_t count() const { return count_; }
  std::uint64_t non_finite() const { return non_finite_; }

  /// Histograms that saw the same values are equal, however the values were split and in whatever order they
  /// came.
  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  static constexpr int kMantissaBits = 8;
  using Block = std::vector<std::uint64_t>;  // 2^kMantissaBits counts, or empty

  std::vector<Block> blocks_;  // one per sign and exponent: the top 9 bits of a float
  std::uint64_t count_ = 0, non_finite_ = 0;
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
};

}  // namespace lowbit
