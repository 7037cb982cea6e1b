// SPDX-License-Identifier: Apache-2.0
// Sums of doubles that do not depend on the order in which they were added, or merged: what makes a capture
// the same bytes however it was split. All elements of an array share a grid of digits,
//
//   x = high * 2^(40 top) + low * 2^(40 (top - 1)) + what is below
//
// with whole digits of at most 2^39, each the nearest one, and adds up digits as integers. Where digits end
// depends on x alone, since the places 2^(40 n) are the same everywhere; `top` is the largest that any sample
// needed. When it rises, the digits that fall below the grid are dropped; they are those which would never
// have been added had the largest sample come first. So the result is that of the whole stream in any order.
//
// A digit that is dropped is below 2^-39 of the bound of the largest sample: about 2e-12.
#pragma once

#include <cstdint>
#include <vector>

namespace lowbit::detail {

class ExactSums {
 public:
  static constexpr int kPlace = 40;
  static constexpr int kEmpty = INT32_MIN;  ///< `top` where nothing was added but zeros
  /// Additions to one element that digits have room for (2^39 * 2^23 < 2^63).
  static constexpr std::int64_t kMostAdditions = std::int64_t{1} << 23;

  explicit ExactSums(std::size_t size = 0) : high_(size), low_(size) {}

  std::size_t size() const { return high_.size(); }
  /// The grid that values up to `bound` in magnitude need: of the values' sample, not of the values.
  static int top_for(double bound);
  /// Before values of that grid are added.
  void raise(int top);
  /// Adds values[i] to element first + i; of magnitudes that raise() was told of. Different elements may be
  /// added to from different threads.
  void add(const double* values, std::size_t count, std::size_t first);
  void merge(const ExactSums& other);
  /// Element i as a double.
  double operator[](std::size_t i) const;

  int top() const { return top_; }
  /// For files.
  template <class V>
  void visit(V& v) {
    v("top", top_), v("high digits", high_), v("low digits", low_);
  }
  /// Whether these can be the sums of `additions`, of `size` elements.
  bool plausible(std::size_t size, std::int64_t additions) const;

 private:
  std::int32_t top_ = kEmpty;
  std::vector<std::int64_t> high_, low_;
};

}  // namespace lowbit::detail
