// SPDX-License-Identifier: Apache-2.0
// CostTable as JSON: what a search measured, to be read, edited, and fed back, here or as a plan for the
// machine that it was measured on. The format is described in docs/search.md. Part of the optional library
// lowbit::json.
#pragma once

#include <string>
#include <string_view>

#include "lowbit/search/cost_table.h"

namespace lowbit {

/// Numbers are the shortest text that gives them back. Throws Error(unsupported) for a name that is not
/// UTF-8, and as check() for a table that cannot be.
LOWBIT_JSON_CALL std::string format_cost_table(const CostTable& table);
/// Writes to a temporary file beside `path` and renames it. Throws as above, and Error(io).
LOWBIT_JSON_CALL void save(const CostTable& table, const std::string& path);

/// Of each candidate, `scheme`, `ns` and `bytes` must be there; an SQNR that is missing or null is infinite.
/// Throws Error(corrupt_file), naming key and layer, for text that is no such table, Error(unsupported) for a
/// newer version; `name` stands in the sentence.
LOWBIT_JSON_CALL CostTable parse_cost_table(std::string_view text, const std::string& name = "table");
/// Throws Error(not_found) or Error(io), and as above.
LOWBIT_JSON_CALL CostTable load_cost_table(const std::string& path);

}  // namespace lowbit
