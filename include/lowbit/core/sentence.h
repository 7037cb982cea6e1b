// SPDX-License-Identifier: Apache-2.0
// The sentences of errors, put together from pieces: what the implementation needs of a formatting library,
// so that a header-only program needs none.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// The shortest digits that read back as `x`: "0.1", "100000", "1e+20", "-0", "nan", "inf".
std::string to_text(float x);
std::string to_text(double x);
inline std::string to_text(std::string_view text) {
  return std::string(text);
}
template <std::integral T>
std::string to_text(T number) {
  return std::to_string(number);
}
/// "3x32x32".
std::string join(std::span<const std::int64_t> numbers, std::string_view between);

/// `pattern` with the words in place of its "{}", in order. There are as many of them.
std::string fill(std::string_view pattern, std::initializer_list<std::string> words);

template <class... T>
std::string sentence(std::string_view pattern, const T&... values) {
  return fill(pattern, {to_text(values)...});
}

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/sentence-inl.h"
#endif
