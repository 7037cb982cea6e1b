// SPDX-License-Identifier: Apache-2.0
// AxisMap: each element of an output is one of the input, and its offset is a sum of one number for each axis
// of the output: transposing, slicing, padding, repeating, nearest neighbours. Along an axis these numbers
// are evenly spaced, or a table in which there may also be places outside of the input.
#pragma once

#include <cstdint>
#include <vector>

#include "arrays/call.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

/// A place outside of the input.
constexpr std::int64_t kOutside = -1;

class AxisMap {
 public:
  /// Appends the next axis of the output: offsets of its coordinates in the input, or kOutside.
  void add_axis(std::vector<std::int64_t> offsets);
  /// The same from coordinates of an axis of the input, or kOutside, and the stride of that axis.
  void add_axis(std::vector<std::int64_t> coordinates, std::int64_t stride);
  /// `size` offsets, of which each is `step` behind the one before.
  void add_even_axis(std::int64_t size, std::int64_t first, std::int64_t step);
  /// `size` coordinates in a row.
  void add_whole_axis(std::int64_t size, std::int64_t stride) { add_even_axis(size, 0, stride); }

  std::vector<std::int64_t> dims() const;
  /// Axes that continue each other become one. After that it may run.
  void finish();
  /// Places outside become `fill`. T: float or std::int64_t.
  template <class T>
  void run(const T* in, T* out, T fill) const;

 private:
  template <class T>
  void run_line(const T* in, T* out, T fill) const;

  struct Axis {
    std::size_t size = 0;
    std::int64_t first = 0, step = 0;   ///< of evenly spaced offsets
    std::vector<std::int64_t> table{};  ///< in their place where it has elements

    std::int64_t at(std::size_t i) const {
      return table.empty() ? first + static_cast<std::int64_t>(i) * step : table[i];
    }
    bool is_even(std::int64_t stride) const;
  };
  static bool joins(const Axis& outer, const Axis& inner);
  static Axis joined(const Axis& outer, const Axis& inner);

  std::vector<Axis> axes_{};
  bool is_contiguous_ = false;  ///< the last axis
};

/// Strides of a row-major array of this shape.
std::vector<std::int64_t> row_strides(const Shape& shape);

/// The operator that gives the elements of input 0 that `map` names; places outside are 0, or the element of
/// input `fill_input` where there is one.
Prepared mapped(const Call& call, AxisMap map, int fill_input = -1);
/// The same with a given number outside.
Prepared mapped_with_fill(const Call& call, AxisMap map, float fill);

}  // namespace lowbit::arrays
