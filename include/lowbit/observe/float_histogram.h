// SPDX-License-Identifier: Apache-2.0
// FloatHistogram: counts of values in bins that are a float's sign, exponent and top 8 mantissa bits. Such
// bins never have to grow or be rebuilt, whatever comes, so that merging is exact and does not depend on the
// order; a bin is 0.2 to 0.4 % of its value wide. It is what the observers that need a distribution rest on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit {

/// Memory: 12 KB, and 1 KB for each pair of sign and exponent that occurred; some 50 KB for most tensors, 530
/// KB if every exponent that floats have occurs.
class FloatHistogram {
 public:
  /// `count` values from lo to hi, of which the end that is farther from zero is excluded; all of them are
  /// `lo` where hi == lo.
  struct Bin {
    double lo, hi;
    std::uint64_t count;
  };

  void observe(std::span<const float> x);
  void merge(const FloatHistogram& other);

  /// Everything observed, the non-finite values too.
  std::uint64_t count() const { return count_; }
  std::uint64_t non_finite() const { return non_finite_; }
  bool empty() const { return count_ == non_finite_; }
  /// The smallest and largest finite value; 0 when there was none. -0 counts as +0.
  float min() const { return empty() ? 0.0f : min_; }
  float max() const { return empty() ? 0.0f : max_; }
  /// Those that hold values, ascending. The smallest and the largest value, being known, are bins of their
  /// own of no width. So is zero, {0, 0}, which takes in what is below 2^-134, too.
  std::vector<Bin> bins() const;
  /// The value below which a share `p`, 0 to 1, of the finite ones lies: between the values of rank floor(r)
  /// and floor(r) + 1, linearly, where r = p (n - 1) and ranks count from 0. The value of a rank is min or
  /// max at the ends, else (k + 1/2) / c of the way through its bin for the k-th (from 0) of the c values
  /// there, so that it is off by less than the width of that bin. 0 when nothing finite was observed. Throws
  /// Error(invalid_argument) for p outside [0, 1].
  double quantile(double p) const;

  /// The distribution of |x|. Its min() is exact where all values have one sign, else where the bin of the
  /// smallest magnitude begins.
  FloatHistogram magnitudes() const;

  /// All of it, as bytes that depend on the values only. `set_state` throws Error(corrupt_file) for bytes
  /// that `state` does not make.
  std::vector<std::byte> state() const;
  void set_state(std::span<const std::byte> bytes);

  /// Equal when the same values were seen, however they were split and in whatever order they came.
  friend bool operator==(const FloatHistogram& a, const FloatHistogram& b) { return a.state() == b.state(); }

 private:
  static constexpr std::uint32_t kBlocks = 512;  // one per sign and exponent: the top 9 bits of a float
  using Block = std::vector<std::uint32_t>;      // counts of all its bins, or empty

  struct Counters;
  void count_piece(std::span<const float> x, Counters& counters);
  void extend_to(std::span<const float> x);
  void add(std::uint32_t bin, std::uint64_t n);
  void put_bin(std::vector<Bin>& bins, std::uint32_t bin, Bin b) const;
  std::uint64_t count_of(std::uint32_t bin) const;
  std::size_t occupied() const;
  void carry();

  std::vector<Block> blocks_;                       // kBlocks, or none before the first value
  std::map<std::uint32_t, std::uint64_t> carries_;  // what bins hold beyond that, in units of 2^31
  std::uint64_t uncarried_ = 0;                     // values since carries were last looked for
  std::uint64_t count_ = 0, non_finite_ = 0;
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/float_histogram-inl.h"
#endif
