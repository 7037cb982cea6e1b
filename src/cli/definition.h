// SPDX-License-Identifier: Apache-2.0
// What the command line is made of, as text: read from CLI11's definition, so that completion and manual page
// have every option that there is.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lowbit::cli {

struct OptionText {
  std::vector<std::string> names;      ///< "-o", "--output"; of an argument by place its name alone, "MODEL"
  std::string description;             ///< one line
  std::string value;                   ///< "TEXT"; empty for a flag
  std::vector<std::string> choices{};  ///< values to offer; none: a file, or anything
  bool by_place = false, required = false, repeats = false;
};

struct CommandText {
  std::string name, description, footer;
  std::vector<OptionText> options{};
};

struct ProgramText {
  CommandText program;
  std::vector<CommandText> commands{};
};

ProgramText definition_of(const CLI::App& program);

std::string bash_completion(const ProgramText& text);
std::string zsh_completion(const ProgramText& text);
std::string fish_completion(const ProgramText& text);
/// For man: roff with the macros of man(7).
std::string manual_page(const ProgramText& text);

}  // namespace lowbit::cli
