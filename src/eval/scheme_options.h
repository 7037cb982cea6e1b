// The text of --scheme and --override, as the names of schemes that are built.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lowbit::eval {

/// {pattern, scheme}, cut at the last '='. Throws Error(invalid_argument) for text without one, an empty
/// pattern or a scheme that is unknown or not built.
std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts);
/// Canonical names of a comma-separated list, each once, in order; "all" stands for family_schemes(). Throws
/// as parse_overrides.
std::vector<std::string> parse_scheme_list(const std::string& text);
/// The canonical name. Throws as parse_overrides.
std::string parse_scheme_option(const std::string& text);
/// Whether quantizing with `scheme` and the overrides takes ranges found on images beforehand.
bool needs_calibration(const std::string& scheme,
                       const std::vector<std::pair<std::string, std::string>>& overrides);

}  // namespace lowbit::eval
