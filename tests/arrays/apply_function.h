// SPDX-License-Identifier: Apache-2.0
// Applying an operator of ONNX to arrays, and arrays that tests write out.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "arrays/call.h"
#include "support/random.h"

namespace lowbit::arrays {

inline bool operator==(const Array& a, const Array& b) {
  return a.type == b.type && a.floats == b.floats && a.integers == b.integers;
}

}  // namespace lowbit::arrays

namespace lowbit::testing {

using arrays::Array;
using arrays::ArrayType;

Array float_array(const Shape& shape, std::vector<float> values, ElementType element = ElementType::f32);
Array integer_array(const Shape& shape, std::vector<std::int64_t> values,
                    ElementType element = ElementType::i64);
/// A vector of i64.
Array vector_of(std::vector<std::int64_t> values);
Array scalar_of(std::int64_t value);

/// Whole numbers from -9 to 9, or those that the type has of them.
Array random_array(const ArrayType& type, Random& random);
/// 0, 1, 2, ...
Array counted_array(const Shape& shape);

struct Applied {
  std::string_view op;
  std::int64_t opset = 22;
  std::vector<ArrayAttribute> attributes{};
  int outputs = 1;
  /// Inputs whose elements the function does not see before it runs.
  std::vector<std::size_t> computed{};
};

/// Inputs without elements of a shape of rank 0 (Array{}) are left out.
std::vector<Array> apply_all(const Applied& applied, const std::vector<Array>& inputs);
Array apply(const Applied& applied, const std::vector<Array>& inputs);

ArrayAttribute ints(std::string_view name, std::vector<std::int64_t> values);
ArrayAttribute number(std::string_view name, float value);
ArrayAttribute text(std::string_view name, std::string_view value);

/// Calls body(coordinates, place) for each element of a row-major array.
template <class Body>
void for_each_coordinate(const Shape& shape, Body&& body) {
  std::vector<std::int64_t> at(static_cast<std::size_t>(shape.rank()));
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    std::int64_t rest = i;
    for (std::size_t a = at.size(); a-- > 0;) {
      at[a] = rest % shape[static_cast<int>(a)];
      rest /= shape[static_cast<int>(a)];
    }
    body(at, static_cast<std::size_t>(i));
  }
}

/// The place of coordinates in a row-major array.
std::size_t place_of(const Shape& shape, const std::vector<std::int64_t>& at);

}  // namespace lowbit::testing
