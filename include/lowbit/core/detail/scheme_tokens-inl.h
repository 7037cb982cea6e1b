// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/detail/scheme_tokens.h"
#include "lowbit/core/scheme.h"

#include <optional>
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace tokens {

// Digits only, no leading zero, at most `limit`.
inline std::optional<int> parse_count(std::string_view text, int limit) {
  if (text.empty() || text.size() > 7 || text[0] == '0') return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value <= limit ? std::optional(value) : std::nullopt;
}

// "99.9": a percentile from 50 up to but not including 100, with at most seven decimals. Independent of the
// locale.
inline std::optional<float> parse_percentile(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = parse_count(text.substr(0, point), 99);
  if (!whole || *whole < 50) return std::nullopt;
  if (point == text.npos) return static_cast<float>(*whole);
  const std::string_view decimals = text.substr(point + 1);
  if (decimals.empty() || decimals.size() > 7) return std::nullopt;
  double value = *whole, power = 1;
  for (const char c : decimals) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    power *= 10;
  }
  const float result = static_cast<float>(value / power);
  return result < 100.0f ? std::optional(result) : std::nullopt;
}

// A token without a number: `member` becomes `value`.
template <auto Member, auto Value>
bool set_to(std::string_view number, Scheme& s) {
  s.*Member = Value;
  return number.empty();
}
template <auto Member, auto Value>
bool is(const Scheme& s) {
  return s.*Member == Value;
}

template <Granularity::Kind K>
bool set_granularity(std::string_view number, Scheme& s) {
  s.granularity = {K, 0};
  return number.empty();
}
template <Granularity::Kind K>
bool has_granularity(const Scheme& s) {
  return s.granularity.kind == K;
}

inline bool set_group(std::string_view number, Scheme& s) {
  const auto size = parse_count(number, 1 << 20);
  if (size) s.granularity = per_group(static_cast<std::uint32_t>(*size));
  return size.has_value();
}
inline std::string group_size(const Scheme& s) {
  return std::to_string(s.granularity.group_size);
}

inline bool set_percentile(std::string_view number, Scheme& s) {
  const auto percentile = parse_percentile(number);
  if (percentile) s.clip = Clip::percentile, s.percentile = *percentile;
  return percentile.has_value();
}
inline std::string percentile(const Scheme& s) {
  return to_text(s.percentile);
}

inline bool set_activation_bits(std::string_view number, Scheme& s) {
  const auto bits = parse_count(number, 8);
  if (bits) s.activation_bits = *bits;
  return bits.has_value();
}
inline bool has_other_bits(const Scheme& s) {
  return s.activation_bits != 0 && s.activation_bits != 8;
}
inline std::string activation_bits(const Scheme& s) {
  return std::to_string(s.activation_bits);
}

inline bool is_dynamic(const Scheme& s) {
  return s.dynamic && s.activation_bits != 0;
}

using enum TokenClass;
using Kind = Granularity::Kind;

inline constexpr SchemeToken kTokens[] = {
    {"channel", granularity, set_granularity<Kind::channel>},
    {"tensor", granularity, set_granularity<Kind::tensor>, has_granularity<Kind::tensor>},
    {"g", granularity, set_group, has_granularity<Kind::group>, group_size, "32 64 128 16"},
    {"sym", mapping, set_to<&Scheme::mapping, Mapping::symmetric>},
    {"asym", mapping, set_to<&Scheme::mapping, Mapping::asymmetric>,
     is<&Scheme::mapping, Mapping::asymmetric>},
    {"asymf", mapping, set_to<&Scheme::mapping, Mapping::asymmetric_real>,
     is<&Scheme::mapping, Mapping::asymmetric_real>},
    {"minmax", clip, set_to<&Scheme::clip, Clip::minmax>},
    {"mse", clip, set_to<&Scheme::clip, Clip::mse>, is<&Scheme::clip, Clip::mse>},
    {"aciq", clip, set_to<&Scheme::clip, Clip::aciq>, is<&Scheme::clip, Clip::aciq>},
    {"p", clip, set_percentile, is<&Scheme::clip, Clip::percentile>, percentile, "99.9 99.99"},
    {"wo", activations, set_to<&Scheme::activation_bits, 0>, is<&Scheme::activation_bits, 0>},
    {"a", activations, set_activation_bits, has_other_bits, activation_bits, "8 4"},
    {"dynamic", dynamic, set_to<&Scheme::dynamic, true>, is_dynamic},
};

}  // namespace tokens

LOWBIT_INLINE std::span<const SchemeToken> scheme_tokens() {
  using namespace tokens;
  return kTokens;
}

LOWBIT_INLINE const SchemeToken* apply_token(std::string_view text, Scheme& scheme) {
  using namespace tokens;
  for (const SchemeToken& token : kTokens) {
    if (!text.starts_with(token.word)) continue;
    Scheme changed = scheme;
    if (!token.set(text.substr(token.word.size()), changed)) continue;
    scheme = changed;
    return &token;
  }
  return nullptr;
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
