// SPDX-License-Identifier: Apache-2.0
// The patterns by which a quantization_config names layers, "re:.*self_attn.*": those of Python's re.match,
// as far as characters, `.`, `\.`, `*`, `+`, `?`, `^` and `$` go. Files bring them: matching takes time in
// proportion to pattern and name, and no stack.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace lowbit::detail {

/// Whether the start of `name` matches; nothing for a pattern with what is not among the above.
inline std::optional<bool> matches_start(std::string_view pattern, std::string_view name) {
  struct Part {
    char character;
    bool any, end, optional, repeats;
  };
  std::vector<Part> parts;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    Part part{c, c == '.', c == '$', false, false};
    if (c == '^' && i == 0) continue;
    if (c == '\\') {
      if (++i == pattern.size() ||
          std::string_view(".-_/\\$^*+?()[]{}|").find(pattern[i]) == std::string_view::npos)
        return std::nullopt;
      part.character = pattern[i];
    } else if (std::string_view("^*+?()[]{}|").find(c) != std::string_view::npos) {
      return std::nullopt;
    }
    if (i + 1 < pattern.size() && !part.end &&
        std::string_view("*+?").find(pattern[i + 1]) != std::string_view::npos) {
      const char how_often = pattern[++i];
      part.optional = how_often != '+', part.repeats = how_often != '?';
    }
    parts.push_back(part);
  }
  // The parts that may come next, of all ways to have matched the name so far.
  std::vector<char> here(parts.size() + 1, 0), next;
  const auto reach = [&](std::vector<char>& set, std::size_t part) {
    for (; !set[part]; ++part) {
      set[part] = 1;
      if (part == parts.size() || !parts[part].optional) return;
    }
  };
  reach(here, 0);
  for (std::size_t at = 0; at <= name.size(); ++at) {
    if (here[parts.size()]) return true;
    next.assign(parts.size() + 1, 0);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      if (!here[p]) continue;
      if (parts[p].end) {
        if (at == name.size() && p + 1 == parts.size()) return true;
        continue;
      }
      if (at == name.size() || !(parts[p].any || parts[p].character == name[at])) continue;
      if (parts[p].repeats) reach(next, p);
      reach(next, p + 1);
    }
    here.swap(next);
  }
  return false;
}

}  // namespace lowbit::detail
