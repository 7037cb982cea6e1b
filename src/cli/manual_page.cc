// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/definition.h"
#include "lowbit/version.h"

namespace lowbit::cli {
namespace {

/// As roff prints it: its escape, hyphens that can be copied, no line that it takes for a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool starts_line = out.empty() || out.back() == '\n';
    if (starts_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string tag(const OptionText& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.names)
    names.push_back(fmt::format("\\f{}{}\\fR", option.by_place ? 'I' : 'B', roff(name)));
  std::string line = fmt::format("{}", fmt::join(names, ", "));
  if (!option.by_place && !option.value.empty()) line += fmt::format(" \\fI{}\\fR", roff(option.value));
  return line + (option.required ? " (required)" : "");
}

std::string options(const CommandText& command) {
  std::string text;
  for (const OptionText& option : command.options)
    text += fmt::format(".TP\n{}\n{}\n", tag(option), roff(option.description));
  return text;
}

/// As it stands, behind a request that ends the list of options.
std::string footer(const std::string& request, const CommandText& command) {
  return command.footer.empty() ? "" : fmt::format("{}\n.nf\n{}\n.fi\n", request, roff(command.footer));
}

std::string synopsis(const CommandText& command) {
  std::string line = fmt::format("lowbit {}", command.name);
  for (const OptionText& option : command.options) {
    if (!option.by_place) continue;
    line += option.required ? " " + option.names[0] : " [" + option.names[0] + "]";
    if (option.repeats) line += "...";
  }
  return line + " [OPTIONS]";
}

}  // namespace

std::string manual_page(const ProgramText& text) {
  std::string page = fmt::format(
      ".TH LOWBIT 1 \"\" \"lowbit {}\" \"User Commands\"\n.SH NAME\nlowbit \\- neural\\-network quantization "
      "and fast "
      "low\\-bit inference\n.SH SYNOPSIS\n",
      LOWBIT_VERSION_STRING);
  page += ".nf\n";
  for (const CommandText& command : text.commands) page += roff(synopsis(command)) + "\n";
  page += ".fi\n";
  page += fmt::format(".SH OPTIONS\n{}.SH COMMANDS\n", options(text.program));
  for (const CommandText& command : text.commands)
    page += fmt::format(".SS {}\n{}.\n{}{}", roff(synopsis(command)), roff(command.description),
                        options(command), footer(".PP", command));
  return page + footer(".SH EXAMPLES AND EXIT STATUS", text.program);
}

}  // namespace lowbit::cli
