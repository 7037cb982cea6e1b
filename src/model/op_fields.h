// SPDX-License-Identifier: Apache-2.0
// The fields of an operator as a list, so that whoever compares or changes operators need not know their
// types: what visit_fields names, in its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "lowbit/layers/ops.h"

namespace lowbit::detail {

struct OpField {
  enum class Kind {
    numbers,  ///< integers, each with a meaning of its own
    block,    ///< a constant: shape and elements, of which one list is null
    opaque,   ///< all else, which may only be compared
  };
  const char* name = "";
  Kind kind = Kind::opaque;
  std::span<std::int64_t> numbers{};
  std::int64_t least = std::numeric_limits<std::int64_t>::min(),
               most = std::numeric_limits<std::int64_t>::max();  ///< that a number may be
  Shape* shape = nullptr;
  std::vector<float>* floats = nullptr;
  std::vector<std::int64_t>* integers = nullptr;
  std::span<const std::byte> bytes{};
};

/// Of lists of structs the fields of each. Valid while `op` is neither moved nor
/// changed in length.
std::vector<OpField> fields_of(ops::Op& op);

/// Whether two fields of the same place and kind hold the same, bit for bit.
bool same_field(const OpField& a, const OpField& b);

}  // namespace lowbit::detail
