// SPDX-License-Identifier: Apache-2.0
// RangeTable as JSON: small, versioned, and made to be read and edited. The same table has the same bytes.
// The format is described in docs/calibration.md. Part of the optional library lowbit::json.
#pragma once

#include <string>
#include <string_view>

#include "lowbit/model/range_table.h"

namespace lowbit {

/// Floats are the shortest text that gives them back; sqnr_db is rounded to 0.01 dB, clipped to 6 digits.
/// Throws Error(unsupported) for a name that is not UTF-8.
LOWBIT_JSON_CALL std::string format_range_table(const RangeTable& table);
/// Writes to a temporary file beside `path` and renames it. Throws as above, and Error(io).
LOWBIT_JSON_CALL void save(const RangeTable& table, const std::string& path);

/// Of each tensor, `tensor`, `shape`, `bits` and `clip` must be there. scale and zero_point are computed from
/// clip and bits; where the text has others, as after an edit of clip, sqnr_db and clipped are unknown.
/// Throws Error(corrupt_file), naming key and tensor, for text that is no such table, Error(unsupported) for
/// a newer version; `name` stands in the sentence.
LOWBIT_JSON_CALL RangeTable parse_range_table(std::string_view text, const std::string& name = "table");
/// Throws Error(not_found) or Error(io), and as above.
LOWBIT_JSON_CALL RangeTable load_range_table(const std::string& path);

}  // namespace lowbit
