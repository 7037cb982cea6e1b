// SPDX-License-Identifier: Apache-2.0
// Scripts by which shells complete what is typed behind `lowbit`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/definition.h"

namespace lowbit::cli {
namespace {

/// Every character of `special` behind a backslash.
std::string escaped(const std::string& text, const std::string& special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

/// Between apostrophes of a POSIX shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string> names_of(const CommandText& command) {
  std::vector<std::string> names;
  for (const OptionText& option : command.options)
    if (!option.by_place) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::vector<std::string> names_of(const std::vector<CommandText>& commands) {
  std::vector<std::string> names;
  for (const CommandText& command : commands) names.push_back(command.name);
  return names;
}

/// "a|b" patterns of a bash `case`: the values of options, and of arguments by place.
std::string bash_choices(const CommandText& command) {
  std::string cases;
  for (const OptionText& option : command.options) {
    if (option.choices.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names)
      patterns.push_back(command.name + ":" + (option.by_place ? command.name : name));
    cases +=
        fmt::format("    {}) values=\"{}\" ;;\n", fmt::join(patterns, "|"), fmt::join(option.choices, " "));
  }
  return cases;
}

/// One specification of zsh's _arguments for each name.
std::string zsh_option(const OptionText& option) {
  const std::string action =
      option.choices.empty() ? "_files" : fmt::format("({})", fmt::join(option.choices, " "));
  const std::string description = escaped(option.description, ":[]\\");
  if (option.by_place)
    return fmt::format(" \\\n        {}",
                       quoted(fmt::format("{}:{}:{}", option.repeats ? "*" : "", option.names[0], action)));
  std::string specs;
  for (const std::string& name : option.names)
    specs += fmt::format(
        " \\\n        {}",
        quoted(fmt::format("{}{}[{}]{}", option.value.empty() ? "" : "*", name, description,
                           option.value.empty() ? "" : fmt::format(":{}:{}", option.value, action))));
  return specs;
}

std::string fish_option(const std::string& condition, const OptionText& option) {
  std::string line = "complete -c lowbit -n " + quoted(condition);
  if (!option.by_place)
    for (const std::string& name : option.names)
      line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.choices.empty()) {
    line += fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(option.choices, " "))));
  } else if (!option.value.empty()) {
    line += option.by_place ? " -F" : " -r -F";
  }
  return line + " -d " + quoted(escaped(option.description, "\\")) + "\n";
}

}  // namespace

std::string bash_completion(const ProgramText& text) {
  std::string options, values;
  for (const CommandText& command : text.commands) {
    options += fmt::format("    {}) options=\"{}\" ;;\n", command.name, fmt::join(names_of(command), " "));
    values += bash_choices(command);
  }
  return fmt::format(R"(# Completion of lowbit for bash, made from its options.
_lowbit() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}} options= values=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} {}" -- "$word"))
    return
  fi
  case $command in
{}  esac
  case $command:$before in
{}  esac
  if [ -n "$values" ]; then
    local list=  # what stands before the last comma
    case $word in *,*) list=${{word%,*}}, ;; esac
    COMPREPLY=($(compgen -P "$list" -W "$values" -- "${{word##*,}}"))
  elif [ "${{word:0:1}}" = - ]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _lowbit lowbit
)",
                     fmt::join(names_of(text.commands), " "), fmt::join(names_of(text.program), " "), options,
                     values);
}

std::string zsh_completion(const ProgramText& text) {
  std::string commands, cases, program;
  for (const OptionText& option : text.program.options) program += zsh_option(option);
  for (const CommandText& command : text.commands) {
    commands += fmt::format("    {}\n", quoted(command.name + ":" + escaped(command.description, ":")));
    cases += fmt::format("    {})\n      _arguments", command.name);
    for (const OptionText& option : command.options) cases += zsh_option(option);
    cases += " ;;\n";
  }
  return fmt::format(R"(#compdef lowbit
# Completion of lowbit for zsh, made from its options.
_lowbit() {{
  local state
  local -a commands
  commands=(
{}  )
  _arguments -C '1: :->command' '*:: :->argument'{}
  if [[ $state = command ]]; then
    _describe command commands
    return
  fi
  case $words[1] in
{}  esac
}}
if [ "$funcstack[1]" = _lowbit ]; then _lowbit "$@"; else compdef _lowbit lowbit; fi
)",
                     commands, program, cases);
}

std::string fish_completion(const ProgramText& text) {
  std::string script = "# Completion of lowbit for fish, made from its options.\n";
  for (const OptionText& option : text.program.options)
    script += fish_option("__fish_use_subcommand", option);
  for (const CommandText& command : text.commands)
    script += fmt::format("complete -c lowbit -f -n __fish_use_subcommand -a {} -d {}\n", command.name,
                          quoted(command.description));
  for (const CommandText& command : text.commands)
    for (const OptionText& option : command.options)
      script += fish_option("__fish_seen_subcommand_from " + command.name, option);
  return script;
}

}  // namespace lowbit::cli
