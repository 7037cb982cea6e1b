// SPDX-License-Identifier: Apache-2.0
// AxisMap: each element of an output is one of the input, and its offset is a sum of one number for each axis
// of the output: transposing, slicing, padding, repeating, nearest neighbours. Along an axis these numbers
// are a few evenly spaced runs, maybe again and again, which take no memory for each element; or a table, or
// computed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "arrays/call.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

/// A place outside of the input.
constexpr std::int64_t kOutside = -1;

/// `size` numbers, of which each is `step` more than the one before; or places outside, where `first` is
/// kOutside and `step` 0.
struct EvenRun {
  std::int64_t size = 0, first = 0, step = 0;
};

class AxisMap {
 public:
  /// Appends the next axis of the output: offsets of its coordinates in the input, or kOutside.
  void add_axis(std::vector<std::int64_t> offsets);
  /// The same from coordinates of an axis of the input, or kOutside, and the stride of that axis.
  void add_axis(std::vector<std::int64_t> coordinates, std::int64_t stride);
  /// `size` coordinates in these runs, after the last one from the first again.
  void add_axis(std::int64_t size, const std::vector<EvenRun>& coordinates, std::int64_t stride);
  /// `size` offsets that a function tells, each from its place.
  void add_axis(std::int64_t size, std::function<std::int64_t(std::int64_t)> offset);
  /// `size` offsets, of which each is `step` behind the one before.
  void add_even_axis(std::int64_t size, std::int64_t first, std::int64_t step);
  /// `size` coordinates in a row.
  void add_whole_axis(std::int64_t size, std::int64_t stride) { add_even_axis(size, 0, stride); }

  std::vector<std::int64_t> dims() const;
  /// Axes that continue each other become one, and tables are made where they are faster. After that it may
  /// run.
  void finish();
  /// Places outside become `fill`. T: float or std::int64_t.
  template <class T>
  void run(const T* in, T* out, T fill) const;

 private:
  /// `runs`, again from the first one until there are `size`; in their place `table` where it has elements,
  /// again in the same way, or `offset` where there is one.
  struct Axis {
    std::size_t size = 0;
    std::vector<EvenRun> runs{};
    std::vector<std::int64_t> table{};
    std::function<std::int64_t(std::int64_t)> offset{};

    std::int64_t at(std::size_t i) const;
    bool is_even(std::int64_t stride) const;
    /// The offsets of the first `count`.
    std::vector<std::int64_t> first(std::size_t count) const;
    void move(std::int64_t by);
    void settle();
    void prefer_table();
  };
  static bool joins(const Axis& outer, const Axis& inner);
  static Axis joined(Axis outer, const Axis& inner);
  template <class T>
  static void run_line(const Axis& axis, const T* in, T* out, T fill);

  std::vector<Axis> axes_{};
};

/// Strides of a row-major array of this shape.
std::vector<std::int64_t> row_strides(const Shape& shape);

/// The operator that gives the elements of input 0 that `map` names; places outside are 0, or the element of
/// input `fill_input` where there is one.
Prepared mapped(const Call& call, AxisMap map, int fill_input = -1);
/// The same with a given number outside.
Prepared mapped_with_fill(const Call& call, AxisMap map, float fill);

}  // namespace lowbit::arrays
