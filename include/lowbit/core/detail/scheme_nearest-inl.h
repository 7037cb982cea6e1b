// SPDX-License-Identifier: Apache-2.0
// Suggestions for misspelt schemes: the text is cut into pieces, and each becomes a name of the grammar.
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "lowbit/core/detail/scheme_nearest.h"
#include "lowbit/core/detail/scheme_tokens.h"
#include "lowbit/core/detail/weight_families.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace nearest {

/// What other tools, or habit, write without separators, and what it is here.
struct Alias {
  std::string_view written, scheme;
};

// GGUF's blocks: _0 has a scale, _1 a scale and an offset. Half floats: what is not quantized is fp32 here.
inline constexpr Alias kWeightAliases[] = {
    {"q40", "int4-g32"},
    {"q41", "int4-g32-asymf-wo"},
    {"q50", "int5-g32"},
    {"q51", "int5-g32-asymf-wo"},
    {"q80", "int8-g32"},
    {"i8", "int8"},
    {"i4", "int4"},
    {"s8", "int8"},
    {"s4", "int4"},
    {"qint8", "int8"},
    {"u8", "int8-asym"},
    {"u4", "int4-asym"},
    {"uint8", "int8-asym"},
    {"uint4", "int4-asym"},
    {"quint8", "int8-asym"},
    {"int8dq", "int8-dynamic"},
    {"int8wo", "int8-wo"},
    {"int4wo", "int4-wo"},
    {"e2m1", "fp4"},
    {"fp4e2m1", "fp4"},
    {"float4", "fp4"},
    {"fp8", "fp8e4m3-wo"},
    {"float8", "fp8e4m3-wo"},
    {"fp8e4m3", "fp8e4m3-wo"},
    {"fp8e4m3fn", "fp8e4m3-wo"},
    {"e4m3", "fp8e4m3-wo"},
    {"fp8e5m2", "fp8e5m2-wo"},
    {"e5m2", "fp8e5m2-wo"},
    {"normalfloat4", "nf4"},
    {"bnb4", "nf4"},
    {"mxfp4e2m1", "mxfp4"},
    {"mxfp6e2m3", "mxfp6"},
    {"mxfp8e4m3", "mxfp8-wo"},
    {"fp16", "fp32"},
    {"bf16", "fp32"},
    {"half", "fp32"},
    {"fp32", "fp32"},
    {"f32", "fp32"},
    {"float32", "fp32"},
    {"float", "fp32"},
    {"none", "fp32"},
    {"twn", "ternary"},
    {"tnn", "ternary"},
    {"bitnet", "absmean"},
    {"b158", "absmean"},
    {"int158", "absmean"},
    {"xnor", "binary"},
    {"bnn", "binary"},
    {"int1", "binary"},
    {"kmeans", "kmeans4"},
    {"pot", "log4"},
    {"log2", "log4"},
};

inline constexpr Alias kTokenAliases[] = {
    {"perchannel", "channel"},
    {"channelwise", "channel"},
    {"perrow", "channel"},
    {"pertensor", "tensor"},
    {"tensorwise", "tensor"},
    {"layerwise", "tensor"},
    {"symmetric", "sym"},
    {"asymmetric", "asym"},
    {"zp", "asym"},
    {"zeropoint", "asym"},
    {"real", "asymf"},
    {"offset", "asymf"},
    {"dyn", "dynamic"},
    {"static", "a8"},
    {"weightonly", "wo"},
    {"wonly", "wo"},
    {"a16", "wo"},
    {"a32", "wo"},
    {"max", "minmax"},
    {"percentile", "p99.9"},
};

/// Words that stand for g where a number follows them.
inline constexpr std::string_view kGroupWords[] = {"groupsize", "groups", "group", "gs", "blocksize",
                                                   "block",     "bs",     "b",     "g",  ""};

inline constexpr std::size_t kMostPieces = 3;  // that one name was cut into

inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Lower case, cut at separators; a point between digits is one of a number if the piece is a percentile.
inline std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces(1);
  for (const char written : text) {
    const char c = lower(written);
    const bool decimal = c == '.' && pieces.back().starts_with('p') && is_digit(pieces.back().back()) &&
                         pieces.back().find('.') == std::string::npos;
    if ((c == '-' || c == '_' || c == '.' || c == ' ' || c == '/' || c == ':') && !decimal)
      pieces.emplace_back();
    else
      pieces.back() += c;
  }
  std::erase(pieces, "");
  return pieces;
}

// Letters to insert, delete, replace or swap with their neighbour.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({row[j] + 1, last[j + 1] + 1, last[j] + (a[i] != b[j])});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row[b.size()];
}

/// The nearest of the names that were offered, if one is near enough: less than half of the letters differ.
struct Nearest {
  std::string_view text;
  std::string best{};
  std::size_t distance = static_cast<std::size_t>(-1);

  void offer(std::string_view name, std::string_view meaning) {
    const std::size_t d = edit_distance(text, name);
    if (d < distance && 2 * d < std::max(text.size(), name.size())) best = meaning, distance = d;
  }
};

// "w4a8", "w4", "w4a16": bits of weights and of activations, 16 and 32 of which are floats.
inline std::optional<std::string> bits_of(std::string_view text) {
  if (text.size() < 2 || text[0] != 'w' || text[1] < '1' || text[1] > '8') return std::nullopt;
  const std::string weights = text[1] == '1' ? "binary" : std::string("int") + text[1];
  const std::string_view rest = text.substr(2);
  if (rest.empty() || rest == "a8") return weights;
  if (rest == "a16" || rest == "a32") return weights + "-wo";
  if (rest.size() == 2 && rest[0] == 'a' && rest[1] >= '1' && rest[1] < '8')
    return sentence("{}-{}", weights, rest);
  return std::nullopt;
}

inline std::optional<std::string> known_weights(std::string_view text) {
  for (const Alias& alias : kWeightAliases)
    if (alias.written == text) return std::string(alias.scheme);
  for (const WeightFamily& family : kWeightFamilies)
    for (const WeightName& w : family.names)
      if (w.name == text) return std::string(text);
  return bits_of(text);
}

inline std::string nearest_weights(std::string_view text) {
  Nearest nearest{text};
  for (const WeightFamily& family : kWeightFamilies)
    for (const WeightName& w : family.names) nearest.offer(w.name, w.name);
  for (const Alias& alias : kWeightAliases) nearest.offer(alias.written, alias.scheme);
  return nearest.best.empty() ? "int8" : nearest.best;
}

inline std::optional<std::string> known_token(std::string_view text) {
  Scheme ignored;
  if (apply_token(text, ignored)) return std::string(text);
  for (const Alias& alias : kTokenAliases)
    if (alias.written == text) return std::string(alias.scheme);
  for (const std::string_view word : kGroupWords) {
    if (!text.starts_with(word)) continue;
    std::string group = sentence("g{}", text.substr(word.size()));
    if (const SchemeToken* token = apply_token(group, ignored);
        token && token->sets == TokenClass::granularity)
      return group;
  }
  return std::nullopt;
}

inline std::string nearest_token(std::string_view text) {
  Nearest nearest{text};
  for (const SchemeToken& token : scheme_tokens()) {
    if (!token.number) nearest.offer(token.word, token.word);
    for (std::string_view likely = token.likely; !likely.empty();) {
      const std::size_t end = std::min(likely.find(' '), likely.size());
      const std::string with_number = sentence("{}{}", token.word, likely.substr(0, end));
      nearest.offer(with_number, with_number);
      likely.remove_prefix(std::min(end + 1, likely.size()));
    }
  }
  for (const Alias& alias : kTokenAliases) nearest.offer(alias.written, alias.scheme);
  return nearest.best;
}

using Known = std::optional<std::string> (*)(std::string_view);

// The longest run of pieces from `at` on that `known` takes when they are written as one; moves `at` past
// them.
inline std::optional<std::string> take(const std::vector<std::string>& pieces, std::size_t& at, Known known) {
  for (std::size_t count = std::min(kMostPieces, pieces.size() - at); count > 0; --count) {
    std::string joined;
    for (std::size_t i = 0; i < count; ++i) joined += pieces[at + i];
    if (auto found = known(joined)) {
      at += count;
      return found;
    }
  }
  return std::nullopt;
}

// The canonical name, with -wo where the weights are built with float activations only.
inline std::string as_built(const std::string& text) {
  Scheme scheme = parse_scheme(text);
  if (!why_not_built(scheme).empty() && is_scheme(text + "-wo")) {
    const Scheme weight_only = parse_scheme(text + "-wo");
    if (why_not_built(weight_only).empty()) scheme = weight_only;
  }
  return format_scheme(scheme);
}

}  // namespace nearest

LOWBIT_INLINE std::string nearest_scheme(std::string_view text) {
  using namespace nearest;
  // A hostile text must not cost more than its first characters are worth.
  const std::vector<std::string> pieces = pieces_of(text.substr(0, 64));
  if (pieces.empty()) return "int8";
  std::size_t at = 0;
  std::optional<std::string> weights = take(pieces, at, known_weights);
  std::string scheme = weights ? *weights : nearest_weights(pieces[at++]);
  if (scheme == "fp32") return scheme;
  while (at < pieces.size()) {
    const std::size_t first = at;
    std::optional<std::string> token = take(pieces, at, known_token);
    if (!token) token = nearest_token(pieces[at++]);
    // A token that has no place, as a second one of its class, is left out.
    const std::string longer = sentence("{}-{}", scheme, *token);
    if (is_scheme(longer))
      scheme = longer;
    else
      at = first + 1;
  }
  return as_built(scheme);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
