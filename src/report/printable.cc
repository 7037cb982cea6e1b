// SPDX-License-Identifier: Apache-2.0
#include "report/printable.h"

#include <fmt/format.h>

#include <cstddef>
#include <nlohmann/json.hpp>

namespace lowbit::report {
namespace {

unsigned byte_of(char c) {
  return static_cast<unsigned char>(c);
}

/// How many bytes the character at the front of `text` has, by RFC 3629; 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const unsigned first = byte_of(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte_of(text[i]) & 0xC0) != 0x80) return 0;
  if (length < 3) return length;
  // Longer than need be, surrogates, above U+10FFFF.
  const unsigned second = byte_of(text[1]);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
    return 0;
  return length;
}

/// Those of C0, DELETE, and those of C1.
bool is_control(std::string_view character) {
  const unsigned first = byte_of(character[0]);
  return first < 0x20 || first == 0x7F || (first == 0xC2 && byte_of(character[1]) < 0xA0);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length > 0 && !is_control(text.substr(0, length))) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      out += fmt::format("\\x{:02X}", byte_of(text[0]));
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace lowbit::report
