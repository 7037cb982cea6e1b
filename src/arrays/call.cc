// SPDX-License-Identifier: Apache-2.0
#include "arrays/call.h"

#include <fmt/format.h>

#include <algorithm>

namespace lowbit::arrays {
namespace {

/// Numbers that say how large things are, so that products of two of them stay inside of 64 bits: what is
/// beyond is as good as the limit.
std::vector<std::int64_t> limited(std::vector<std::int64_t> values) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 31;
  for (std::int64_t& v : values) v = std::clamp(v, -kLimit, kLimit);
  return values;
}

}  // namespace

const ArrayType& Call::type(int i) const {
  if (!has(i)) reject(fmt::format("has no input {}", i));
  return *inputs_[static_cast<std::size_t>(i)].type;
}

std::vector<std::int64_t> Call::integers(int i) const {
  if (is_float(element(i))) reject(fmt::format("needs integers as its input {}", i));
  const Array* array = known(i);
  if (!array) refuse(fmt::format("computes its input {}, which decides about shapes", i));
  if (rank(i) > 1) reject(fmt::format("has an input {} of {}, which is no vector", i, shape(i).to_string()));
  return limited(array->integers);
}

std::vector<float> Call::floats(int i) const {
  static_cast<void>(type(i));
  const Array* array = known(i);
  if (!array) refuse(fmt::format("computes its input {}, which must be a constant", i));
  if (is_float(array->type.element)) return array->floats;
  std::vector<float> values;
  for (const std::int64_t v : array->integers) values.push_back(static_cast<float>(v));
  return values;
}

const ArrayAttribute* Call::find(std::string_view name) const {
  for (const ArrayAttribute& attribute : attributes_)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

std::int64_t Call::int_attribute(std::string_view name, std::int64_t otherwise) const {
  const ArrayAttribute* a = find(name);
  if (a && a->integers.size() != 1) reject(fmt::format("needs an integer as its attribute '{}'", name));
  return a ? a->integers[0] : otherwise;
}

float Call::float_attribute(std::string_view name, float otherwise) const {
  const ArrayAttribute* a = find(name);
  if (a && a->floats.size() != 1) reject(fmt::format("needs a number as its attribute '{}'", name));
  return a ? a->floats[0] : otherwise;
}

std::string Call::text_attribute(std::string_view name, const std::string& otherwise) const {
  const ArrayAttribute* a = find(name);
  return a ? a->text : otherwise;
}

std::vector<std::int64_t> Call::ints_attribute(std::string_view name,
                                               const std::vector<std::int64_t>& otherwise) const {
  const ArrayAttribute* a = find(name);
  return limited(a ? a->integers : otherwise);
}

std::vector<float> Call::floats_attribute(std::string_view name, const std::vector<float>& otherwise) const {
  const ArrayAttribute* a = find(name);
  return a ? a->floats : otherwise;
}

int Call::axis(std::int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) reject(fmt::format("has the axis {} for {} dimensions", axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape Call::make_shape(std::span<const std::int64_t> dims) const {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 28;
  if (dims.size() > Shape::kMaxRank)
    refuse(fmt::format("gives {} dimensions; up to {} are supported", dims.size(), Shape::kMaxRank));
  std::int64_t elements = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) reject(fmt::format("gives a dimension of {}", dim));
    if (dim > 0 && elements > kMostElements / dim) refuse("gives more than 2^28 elements");
    elements *= dim > 0 ? dim : 1;
  }
  return Shape(dims);
}

void Call::refuse(const std::string& form) const {
  throw Error(ErrorCode::unsupported, fmt::format("{} {}", op_, form));
}

void Call::reject(const std::string& form) const {
  throw Error(ErrorCode::corrupt_file, fmt::format("{} {}", op_, form));
}

}  // namespace lowbit::arrays
