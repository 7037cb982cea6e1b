// SPDX-License-Identifier: Apache-2.0
// Suggestions for text that is no scheme.
#pragma once

#include <string>
#include <string_view>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// Whether parse_scheme accepts `text`.
bool is_scheme(std::string_view text);

/// The scheme that `text` most likely means: what other tools call by that name where there is an exact
/// equivalent, else the nearest names in edit distance, piece by piece. Case, `_`, `.` and spaces are
/// ignored.
std::string nearest_scheme(std::string_view text);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/detail/scheme_nearest-inl.h"
#endif
