// AxisMap: each element of an output is one of the input, and its offset is a sum of one number for each axis
// of the output: transposing, slicing, padding, repeating, nearest neighbours. Along an axis these numbers
// are a table, in which there may also be places outside of the input.
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
  void add_axis(std::vector<std::int64_t> offsets) { axes_.push_back(std::move(offsets)); }
  /// The same from coordinates of an axis of the input, or kOutside, and the stride of that axis.
  void add_axis(std::vector<std::int64_t> coordinates, std::int64_t stride);
  /// `size` coordinates in a row.
  void add_whole_axis(std::int64_t size, std::int64_t stride);

  std::vector<std::int64_t> dims() const;
  /// Axes that continue each other become one. After that it may run.
  void finish();
  /// Places outside become `fill`. T: float or std::int64_t.
  template <class T>
  void run(const T* in, T* out, T fill) const;

 private:
  template <class T>
  void run_line(const T* in, T* out, T fill) const;

  std::vector<std::vector<std::int64_t>> axes_{};
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
