// SPDX-License-Identifier: Apache-2.0
// A SearchResult as text for terminals and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lowbit/search/result.h"

namespace lowbit::report {

/// Verdict first: what was asked, what is given; then the layers, and the networks that were tried.
std::string format_search(const SearchResult& result, bool colour = false);

/// `--goal`, limits, what is given, front, uniform schemes and layers; the schema is "lowbit-auto-1".
nlohmann::ordered_json to_json(const SearchResult& result);

}  // namespace lowbit::report
