// SPDX-License-Identifier: Apache-2.0
// Dimensions of a graph whose sizes are said when it runs, as the length of a sequence. The graph itself is
// the one at the highest sizes; rules say what of it is another number, or a part of a constant, at others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lowbit {

struct OpenDimension {
  std::string name;
  std::int64_t lowest = 1, highest = 1;

  template <class V>
  void visit_fields(V&& v) {
    v("dimension name", name), v("lowest size", lowest), v("highest size", highest);
  }
  friend bool operator==(const OpenDimension&, const OpenDimension&) = default;
};

/// How one number of a graph follows from the sizes of its open dimensions.
struct SizeRule {
  enum class Of : std::uint8_t {
    sizes,  ///< constant + the sum of factors[d] * size of dimension d
    value,  ///< constant + factors[0] * the size along `axis` of an earlier value
    rest,   ///< of the shape of a Reshape: what its other dimensions leave
  };
  Of of = Of::sizes;
  std::int64_t constant = 0;
  std::vector<std::int64_t> factors{};
  std::int32_t value = -1, axis = 0;

  template <class V>
  void visit_fields(V&& v) {
    v("rule of", of), v("constant", constant), v("factors", factors), v("rule value", value),
        v("rule axis", axis);
  }
};

/// What one field of an operator is at given sizes.
struct FieldRule {
  std::int32_t field = 0;  ///< as fields_of() counts them
  /// The numbers of the field; for a constant its shape, or its elements where `starts` is empty and the
  /// shape always the same.
  std::vector<SizeRule> numbers{};
  /// Of a constant that is a part of the one at the highest sizes: where that part begins along each axis.
  std::vector<SizeRule> starts{};

  template <class V>
  void visit_fields(V&& v) {
    v("field", field), v("numbers", numbers), v("starts", starts);
  }
};

}  // namespace lowbit
