// SPDX-License-Identifier: Apache-2.0
// Text that came from a file, made fit for a terminal and for JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace lowbit::report {

/// UTF-8 as it is; control characters and bytes that are no UTF-8 become "\x1B": a name must not move the
/// cursor of whoever reads it.
std::string printable(std::string_view text);
/// Indented by two, with a newline at the end; bytes of strings that are no UTF-8 become U+FFFD.
std::string json_text(const nlohmann::ordered_json& json);

}  // namespace lowbit::report
