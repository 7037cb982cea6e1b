// SPDX-License-Identifier: Apache-2.0
// lowbit completion, lowbit manual: what shells and man read, made from the options.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/definition.h"

namespace lowbit::cli {

void add_completion_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("completion", "a script by which a shell completes lowbit's options");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Example: source <(lowbit completion bash)");
  command->callback([&program, shell] {
    const ProgramText text = definition_of(program);
    fmt::print("{}", *shell == "bash"  ? bash_completion(text)
                     : *shell == "zsh" ? zsh_completion(text)
                                       : fish_completion(text));
  });
}

void add_manual_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("manual", "this manual, as man reads it");
  command->footer("Example: lowbit manual | man -l -");
  command->callback([&program] { fmt::print("{}", manual_page(definition_of(program))); });
}

}  // namespace lowbit::cli
