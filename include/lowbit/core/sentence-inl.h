// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"

namespace lowbit::detail {

template <class Float>
std::string shortest(Float x) {
  char buffer[32];  // -d.ddddddddddddddddde-ddd
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  if (!std::isfinite(x)) return std::string(text);
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);

  std::string digits;
  for (const char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  const auto before_point = static_cast<std::size_t>(std::max(exponent, 0)) + 1;
  if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
  if (digits.size() < before_point) digits.append(before_point - digits.size(), '0');
  if (digits.size() > before_point) digits.insert(before_point, 1, '.');
  return std::signbit(x) ? "-" + digits : digits;
}

LOWBIT_INLINE std::string to_text(float x) {
  return shortest(x);
}
LOWBIT_INLINE std::string to_text(double x) {
  return shortest(x);
}

LOWBIT_INLINE std::string join(std::span<const std::int64_t> numbers, std::string_view between) {
  std::string text;
  for (const std::int64_t number : numbers) {
    if (!text.empty()) text += between;
    text += std::to_string(number);
  }
  return text;
}

LOWBIT_INLINE std::string fill(std::string_view pattern, std::initializer_list<std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    const std::size_t place = pattern.find("{}");
    LOWBIT_ASSERT(place != std::string_view::npos);
    text += pattern.substr(0, place);
    text += word;
    pattern.remove_prefix(place + 2);
  }
  LOWBIT_ASSERT(pattern.find("{}") == std::string_view::npos);
  return text += pattern;
}

}  // namespace lowbit::detail
