// The names of the scheme grammar, shared by parsing, printing and suggestions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lowbit/core/scheme.h"

namespace lowbit::detail {

/// A weight family with its code width, and its name in the grammar.
struct WeightName {
  std::string_view name;
  WeightKind kind;
  int bits;
};

/// Every weight name, in the order of known_schemes(); of two equally near names the earlier one is
/// suggested.
std::span<const WeightName> weight_names();

/// Whether parse_scheme accepts `text`.
bool is_scheme(std::string_view text);

/// A valid scheme as near as possible to `text` in edit distance, token by token; letters' case is ignored.
std::string nearest_scheme(std::string_view text);

}  // namespace lowbit::detail
