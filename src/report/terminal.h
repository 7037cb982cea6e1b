// SPDX-License-Identifier: Apache-2.0
// What the streams of the process are connected to: colour and progress bars are for terminals, pipes get
// plain text.
#pragma once

#include <string>
#include <string_view>

namespace lowbit::report {

/// Whether standard error is a terminal that understands control sequences.
bool stderr_is_terminal();
/// Whether to colour standard output: a terminal, NO_COLOR (no-color.org) unset or empty, TERM not "dumb".
bool use_colour();

enum class Style { plain, bold, dim, green, yellow };
/// `text` in the style when `on`, else as it is.
std::string styled(std::string_view text, Style style, bool on);

}  // namespace lowbit::report
