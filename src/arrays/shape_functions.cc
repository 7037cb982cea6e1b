// SPDX-License-Identifier: Apache-2.0
// Operators that give the same elements another shape, and those that speak of shapes.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "arrays/registry.h"
#include "arrays/walk.h"

namespace lowbit::arrays {
namespace {

/// The elements of the first input under another shape.
Prepared same_elements(const Call& call, std::span<const std::int64_t> dims) {
  const Shape shape = call.make_shape(dims);
  if (shape.elements() != call.shape(0).elements())
    call.reject(fmt::format("makes {} of {}", shape.to_string(), call.shape(0).to_string()));
  return {{{call.element(0), shape}}, [](const Run& run) {
            const auto size = static_cast<std::size_t>(run.in[0].size());
            if (size == 0) return;
            if (run.in[0].floats)
              std::memcpy(run.out[0].floats, run.in[0].floats, size * sizeof(float));
            else
              std::memcpy(run.out[0].integers, run.in[0].integers, size * sizeof(std::int64_t));
          }};
}

Prepared identity(const Call& call) {
  return same_elements(call, call.shape(0).dims());
}

Prepared reshape(const Call& call) {
  std::vector<std::int64_t> dims = call.opset() < 5 ? call.ints_attribute("shape", {}) : call.integers(1);
  const bool keeps_zeros = call.int_attribute("allowzero", 0) != 0;
  const Shape& from = call.shape(0);
  constexpr std::int64_t kMost = std::int64_t{1} << 31;  // of elements, so that products stay in 64 bits
  std::int64_t known = 1, unknown = -1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !keeps_zeros) {
      if (static_cast<int>(i) >= from.rank())
        call.reject(fmt::format("copies dimension {}, which its input has not", i));
      dims[i] = from[static_cast<int>(i)];
    }
    if (dims[i] == -1 && unknown < 0)
      unknown = static_cast<std::int64_t>(i);
    else if (dims[i] < 0 || dims[i] > kMost || known > kMost)
      call.reject(fmt::format("has the dimension {}", dims[i]));
    else
      known *= dims[i];
  }
  if (unknown >= 0) {
    if (known == 0 || from.elements() % known != 0)
      call.reject(fmt::format("cannot make {} elements a multiple of {}", from.elements(), known));
    dims[static_cast<std::size_t>(unknown)] = from.elements() / known;
  }
  return same_elements(call, dims);
}

Prepared flatten(const Call& call) {
  const int rank = call.rank(0);
  const std::int64_t given = call.int_attribute("axis", 1);
  const int axis = given == rank ? rank : call.axis(given, rank);
  const std::int64_t dims[] = {product(call.shape(0), 0, axis), product(call.shape(0), axis, rank)};
  return same_elements(call, dims);
}

/// Axes of Squeeze and Unsqueeze: an attribute before opset 13. True at those that are named.
std::vector<bool> named_axes(const Call& call, int rank) {
  const std::vector<std::int64_t> axes = call.opset() < 13 ? call.ints_attribute("axes", {})
                                         : call.has(1)     ? call.integers(1)
                                                           : std::vector<std::int64_t>{};
  std::vector<bool> named(static_cast<std::size_t>(rank), false);
  for (const std::int64_t a : axes) {
    const auto axis = static_cast<std::size_t>(call.axis(a, rank));
    if (named[axis]) call.reject("names an axis twice");
    named[axis] = true;
  }
  return named;
}

Prepared squeeze(const Call& call) {
  const Shape& from = call.shape(0);
  const std::vector<bool> named = named_axes(call, from.rank());
  const bool all = std::find(named.begin(), named.end(), true) == named.end();
  std::vector<std::int64_t> dims;
  for (int i = 0; i < from.rank(); ++i) {
    const bool drop = all ? from[i] == 1 : named[static_cast<std::size_t>(i)];
    if (drop && from[i] != 1) call.reject(fmt::format("removes a dimension of {}", from[i]));
    if (!drop) dims.push_back(from[i]);
  }
  return same_elements(call, dims);
}

Prepared unsqueeze(const Call& call) {
  const Shape& from = call.shape(0);
  const std::size_t added =
      call.opset() < 13 ? call.ints_attribute("axes", {}).size() : call.integers(1).size();
  const int rank = from.rank() + static_cast<int>(added);
  if (rank > Shape::kMaxRank) call.refuse(fmt::format("gives {} dimensions", rank));
  const std::vector<bool> named = named_axes(call, rank);
  std::vector<std::int64_t> dims;
  int next = 0;
  for (int i = 0; i < rank; ++i) dims.push_back(named[static_cast<std::size_t>(i)] ? 1 : from[next++]);
  return same_elements(call, dims);
}

/// A vector or scalar of integers that is known beforehand.
Prepared known_integers(std::vector<std::int64_t> values, const Shape& shape) {
  return {{{ElementType::i64, shape}}, [values = std::move(values)](const Run& run) {
            std::copy(values.begin(), values.end(), run.out[0].integers);
          }};
}

Prepared shape_of(const Call& call) {
  const int rank = call.rank(0);
  const auto limited = [&](std::int64_t i) {
    return static_cast<int>(std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank));
  };
  const int start = limited(call.int_attribute("start", 0)), end = limited(call.int_attribute("end", rank));
  std::vector<std::int64_t> dims;
  for (int i = start; i < end; ++i) dims.push_back(call.shape(0)[i]);
  const auto size = static_cast<std::int64_t>(dims.size());
  return known_integers(std::move(dims), Shape{size});
}

Prepared size_of(const Call& call) {
  return known_integers({call.shape(0).elements()}, Shape{});
}

constexpr Function kShapeFunctions[] = {
    {"Flatten", flatten}, {"Identity", identity}, {"Reshape", reshape},     {"Shape", shape_of},
    {"Size", size_of},    {"Squeeze", squeeze},   {"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const Function> shape_functions() {
  return kShapeFunctions;
}

}  // namespace lowbit::arrays
