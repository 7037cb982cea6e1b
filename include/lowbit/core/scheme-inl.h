// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lowbit/core/detail/scheme_nearest.h"
#include "lowbit/core/detail/scheme_tokens.h"
#include "lowbit/core/detail/weight_families.h"
#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::schemes {

inline bool set_weights(std::string_view name, Scheme& scheme) {
  for (const detail::WeightFamily& family : detail::kWeightFamilies)
    for (const detail::WeightName& w : family.names)
      if (w.name == name) {
        scheme.weights = family.kind;
        scheme.bits = w.bits;
        return true;
      }
  return false;
}

// Fills `scheme`; returns what is wrong with the text, or an empty string.
inline std::string try_parse(std::string_view text, Scheme& scheme) {
  scheme = Scheme{};
  std::size_t end = std::min(text.find('-'), text.size());
  const std::string_view head = text.substr(0, end);
  if (head == "fp32") return end == text.size() ? "" : "fp32 takes no tokens";
  if (!set_weights(head, scheme))
    return end == text.size() ? "?" : detail::sentence("no weights are called '{}'", head);
  bool seen[std::size(detail::kTokenClassNames)] = {};
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(text.find('-', begin), text.size());
    const std::string_view text_of_token = text.substr(begin, end - begin);
    const detail::SchemeToken* token = detail::apply_token(text_of_token, scheme);
    if (!token) return detail::sentence("no token is called '{}'", text_of_token);
    const auto c = static_cast<std::size_t>(token->sets);
    if (seen[c])
      return detail::sentence("'{}' gives the {} a second time", text_of_token, detail::kTokenClassNames[c]);
    seen[c] = true;
  }
  if (scheme.dynamic && scheme.activation_bits == 0)
    return "weight-only activations are floats, never dynamic";
  return "";
}

}  // namespace detail::schemes

LOWBIT_INLINE bool detail::is_scheme(std::string_view text) {
  using namespace detail::schemes;
  Scheme ignored;
  return try_parse(text, ignored).empty();
}

LOWBIT_INLINE Scheme parse_scheme(std::string_view text) {
  using namespace detail::schemes;
  Scheme scheme;
  const std::string problem = try_parse(text, scheme);
  if (problem.empty()) return scheme;
  detail::throw_error(ErrorCode::invalid_argument,
                      detail::sentence("unknown scheme '{}'{}; did you mean '{}'?", text.substr(0, 80),
                                       problem == "?" ? "" : ": " + problem, detail::nearest_scheme(text)));
}

LOWBIT_INLINE std::string format_scheme(const Scheme& s) {
  if (s.is_fp32()) return "fp32";
  std::string text = "?";
  for (const detail::WeightName& w : detail::weight_family(s.weights).names)
    if (w.bits == s.bits) text = w.name;
  for (const detail::SchemeToken& token : detail::scheme_tokens())
    if (token.printed && token.printed(s))
      text += detail::sentence("-{}{}", token.word, token.number ? token.number(s) : "");
  return text;
}

LOWBIT_INLINE Scheme::Scheme(std::string_view text) : Scheme(parse_scheme(text)) {}

}  // namespace lowbit
LOWBIT_END_EXACT
