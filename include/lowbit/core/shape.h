// SPDX-License-Identifier: Apache-2.0
// Shape: the dimensions of a tensor, held inline so that shapes are cheap values.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "lowbit/core/config.h"

namespace lowbit {

/// Up to six dimensions, outermost first. Rank 0 is a scalar with one element.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  /// Throws Error(invalid_argument) for more than kMaxRank dimensions, a negative one, or a product that
  /// overflows int64.
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  std::span<const std::int64_t> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }
  /// Product of the dimensions.
  std::int64_t elements() const;
  /// "3x32x32"; "scalar" for rank 0.
  std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.rank_ == b.rank_ && a.dims_ == b.dims_; }

 private:
  std::array<std::int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/shape-inl.h"
#endif
