// SPDX-License-Identifier: Apache-2.0
#include "cli/definition.h"

#include <CLI/CLI.hpp>

#include "lowbit/core/scheme.h"
#include "lowbit/observe/observer.h"

namespace lowbit::cli {
namespace {

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

/// Where the values are few and known. CLI11 keeps no such list apart from `{bash,zsh}` in the name of the
/// type.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string name = option.get_single_name(), type = option.get_type_name();
  std::vector<std::string> choices;
  if (name == "scheme") {
    for (const Scheme& scheme : known_schemes()) choices.push_back(format_scheme(scheme));
  } else if (name == "observer") {
    choices = known_observers();
  } else if (name == "recover") {
    choices = {"none", "fast", "best"};
  } else if (const std::size_t brace = type.find('{'); brace != std::string::npos) {
    choices = CLI::detail::split(type.substr(brace + 1, type.find('}') - brace - 1), ',');
  }
  return choices;
}

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  text.by_place = option.get_positional();
  if (text.by_place) text.names.push_back(option.get_name(true));
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.description = one_line(option.get_description());
  if (const std::string value = option.get_default_str(); !value.empty())
    text.description += " (default: " + value + ")";
  if (option.get_items_expected_max() > 0)
    text.value = option.get_type_name().substr(0, option.get_type_name().find_first_of(":{ "));
  text.choices = choices_of(option);
  text.required = option.get_required();
  text.repeats = option.get_items_expected_max() > 1;
  return text;
}

CommandText command_text(const CLI::App& app) {
  CommandText text{app.get_name(), one_line(app.get_description()), app.get_footer()};
  for (const CLI::Option* option : app.get_options()) text.options.push_back(option_text(*option));
  return text;
}

}  // namespace

ProgramText definition_of(const CLI::App& program) {
  ProgramText text{command_text(program)};
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; }))
    text.commands.push_back(command_text(*command));
  // A command without one has the program's.
  for (CommandText& command : text.commands)
    if (command.footer == text.program.footer) command.footer.clear();
  return text;
}

}  // namespace lowbit::cli
