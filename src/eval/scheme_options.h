// SPDX-License-Identifier: Apache-2.0
// The text of --scheme and --override, as schemes that are built: the edge at which the command parses them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/scheme.h"

namespace lowbit::eval {

/// {pattern, scheme} pairs as QuantizeOptions takes them.
using Overrides = std::vector<std::pair<std::string, Scheme>>;

/// Throws Error(invalid_argument) for text that is no scheme, Error(not_built) for one that is not built.
Scheme parse_scheme_option(const std::string& text);
/// Of a comma-separated list, each once, in order; "all" stands for family_schemes(). Throws as
/// parse_scheme_option, and Error(invalid_argument) for an empty list.
std::vector<Scheme> parse_scheme_list(const std::string& text);
/// PATTERN=SCHEME, cut at the last '='. Throws Error(invalid_argument) for text without one or an empty
/// pattern, else as parse_scheme_option.
Overrides parse_overrides(const std::vector<std::string>& texts);
/// Whether quantizing with `scheme` and the overrides takes ranges found on images beforehand.
bool needs_calibration(const Scheme& scheme, const Overrides& overrides);
/// Whether these ranges have to come with distributions: scales of signs are means of magnitudes.
bool needs_distributions(const Scheme& scheme, const Overrides& overrides);

}  // namespace lowbit::eval
