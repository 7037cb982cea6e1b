// SPDX-License-Identifier: Apache-2.0
// The tokens of the scheme grammar: one row each, from which parsing, printing and suggestions follow.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lowbit/core/config.h"

namespace lowbit {
struct Scheme;
}

namespace lowbit::detail {

/// A scheme names each of these at most once.
enum class TokenClass : std::uint8_t { granularity, mapping, clip, activations, dynamic };
inline constexpr const char* kTokenClassNames[] = {"granularity", "mapping", "clip", "activations",
                                                   "dynamic"};

struct SchemeToken {
  std::string_view word;  ///< all of it, or what stands before its number
  TokenClass sets;
  /// Writes what the token says into the scheme; `number` is what follows the word. False where that is not
  /// one.
  bool (*set)(std::string_view number, Scheme& scheme);
  /// Whether the canonical name of a scheme has the token; null for a default, which is never printed.
  bool (*printed)(const Scheme& scheme) = nullptr;
  /// The number in the canonical name; null for a token without one.
  std::string (*number)(const Scheme& scheme) = nullptr;
  /// Numbers that may be suggested, with spaces between; none for a token without one.
  std::string_view likely = "";
};

/// In the order of the canonical name.
std::span<const SchemeToken> scheme_tokens();
/// The row that `text` is, its number set in `scheme`; null for what is no token.
const SchemeToken* apply_token(std::string_view text, Scheme& scheme);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/detail/scheme_tokens-inl.h"
#endif
