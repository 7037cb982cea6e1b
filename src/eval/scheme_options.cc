#include "eval/scheme_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"

namespace lowbit::eval {

std::string parse_scheme_option(const std::string& text) {
  const Scheme scheme = parse_scheme(text);
  require_built(scheme);
  return format_scheme(scheme);
}

std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("--override \"{}\" is not PATTERN=SCHEME", text));
    overrides.emplace_back(text.substr(0, equals), parse_scheme_option(text.substr(equals + 1)));
  }
  return overrides;
}

std::vector<std::string> parse_scheme_list(const std::string& text) {
  std::vector<std::string> schemes;
  std::istringstream stream(text);
  const auto add = [&](std::string scheme) {
    if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end())
      schemes.push_back(std::move(scheme));
  };
  for (std::string item; std::getline(stream, item, ',');) {
    if (item == "all") {
      for (const Scheme& scheme : family_schemes()) add(format_scheme(scheme));
    } else {
      add(parse_scheme_option(item));
    }
  }
  if (schemes.empty()) throw Error(ErrorCode::invalid_argument, "--scheme is empty");
  return schemes;
}

bool needs_calibration(const std::string& scheme,
                       const std::vector<std::pair<std::string, std::string>>& overrides) {
  const auto has_static_ranges = [](const std::string& text) {
    const Scheme s = parse_scheme(text);
    return !s.is_fp32() && !s.dynamic && s.activation_bits > 0;
  };
  return has_static_ranges(scheme) || std::any_of(overrides.begin(), overrides.end(),
                                                  [&](const auto& o) { return has_static_ranges(o.second); });
}

}  // namespace lowbit::eval
