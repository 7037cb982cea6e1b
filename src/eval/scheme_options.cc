// SPDX-License-Identifier: Apache-2.0
#include "eval/scheme_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "lowbit/core/error.h"

namespace lowbit::eval {

Scheme parse_scheme_option(const std::string& text) {
  const Scheme scheme = parse_scheme(text);
  require_built(scheme);
  return scheme;
}

std::vector<Scheme> parse_scheme_list(const std::string& text) {
  std::vector<Scheme> schemes;
  std::istringstream stream(text);
  const auto add = [&](const Scheme& scheme) {
    if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) schemes.push_back(scheme);
  };
  for (std::string item; std::getline(stream, item, ',');) {
    if (item == "all") {
      for (const Scheme& scheme : family_schemes()) add(scheme);
    } else {
      add(parse_scheme_option(item));
    }
  }
  if (schemes.empty()) throw Error(ErrorCode::invalid_argument, "--scheme is empty");
  return schemes;
}

Overrides parse_overrides(const std::vector<std::string>& texts) {
  Overrides overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("--override \"{}\" is not PATTERN=SCHEME", text));
    overrides.emplace_back(text.substr(0, equals), parse_scheme_option(text.substr(equals + 1)));
  }
  return overrides;
}

namespace {

bool has_static_ranges(const Scheme& s) {
  return !s.is_fp32() && !s.dynamic && s.activation_bits > 0;
}

template <class Predicate>
bool any_scheme(const Scheme& scheme, const Overrides& overrides, Predicate predicate) {
  return predicate(scheme) ||
         std::any_of(overrides.begin(), overrides.end(), [&](const auto& o) { return predicate(o.second); });
}

}  // namespace

bool needs_calibration(const Scheme& scheme, const Overrides& overrides) {
  return any_scheme(scheme, overrides, has_static_ranges);
}

bool needs_distributions(const Scheme& scheme, const Overrides& overrides) {
  return any_scheme(scheme, overrides,
                    [](const Scheme& s) { return has_static_ranges(s) && s.activation_bits == 1; });
}

}  // namespace lowbit::eval
