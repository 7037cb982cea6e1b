// SPDX-License-Identifier: Apache-2.0
// Pages that stand alone: one file of text, styles and SVG, without scripts and without anything from
// elsewhere. They follow the reader's light or dark setting, and print.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lowbit::report::html {

/// For text and for attributes in quotes. Bytes below space, which are no characters of a page, become
/// spaces.
std::string escaped(std::string_view text);

/// UTF-8 characters.
std::size_t letters(std::string_view text);
/// Its last characters, behind "...", where there are more than `most`: layers of a network differ at the end
/// of their names.
std::string shortened(const std::string& name, std::size_t most);

/// A command for a shell, in a box; lines break between its words, not within the dashes of an option.
std::string command(const std::string& text);

/// The whole page. `body` is HTML.
std::string page(const std::string& title, const std::string& body);

}  // namespace lowbit::report::html
