// SPDX-License-Identifier: Apache-2.0
// What shells complete and the manual page are made from the definition of the options: none is missing, and
// the shells take the scripts.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/command_runner.h"
#include "cli/commands.h"
#include "cli/definition.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;

/// What stands from `begin` to the next `end`.
std::string part(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return {};
  return text.substr(from, text.find(end, from + begin.size()) - from);
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(Completion, HasEveryOptionOfEveryCommand) {
  CLI::App program("", "lowbit");
  for (const auto add_command : kCommands) add_command(program);
  const ProgramText text = definition_of(program);
  const std::string bash = bash_completion(text) + "\n", zsh = zsh_completion(text),
                    fish = fish_completion(text), manual = manual_page(text);
  int options = 0;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string name = command->get_name();
    EXPECT_TRUE(has(part(bash, "compgen -W \"", "\""), " " + name + " ") ||
                has(part(bash, "compgen -W \"", "\""), "\"" + name + " "))
        << name;
    EXPECT_TRUE(has(fish, "-n __fish_use_subcommand -a " + name + " ")) << name;
    const std::string of_bash = part(bash, "    " + name + ") options=\"", "\n"),
                      of_zsh = part(zsh, "    " + name + ")\n", ";;"),
                      of_manual = part(manual, ".SS lowbit " + name + " ", ".SS ");
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& long_name : option->get_lnames()) {
        ++options;
        EXPECT_TRUE(has(replaced(of_bash, "\"", " "), " --" + long_name + " ")) << name << " " << long_name;
        EXPECT_TRUE(has(of_zsh, "--" + long_name + "[")) << name << " " << long_name;
        EXPECT_TRUE(has(part(fish, "'__fish_seen_subcommand_from " + name + "'",
                             "__fish_seen_subcommand_from " + name + "x"),
                        " -l " + long_name + " "))
            << name << " " << long_name;
        EXPECT_TRUE(has(of_manual, "\\fB\\-\\-" + replaced(long_name, "-", "\\-") + "\\fR"))
            << name << " " << long_name;
      }
      if (option->get_positional()) {
        EXPECT_TRUE(has(of_manual, "\\fI" + option->get_name(true) + "\\fR")) << name;
      }
    }
  }
  EXPECT_GT(options, 50);
}

/// What `script` prints in a shell; "no shell" where there is none.
std::string in_shell(const std::string& shell, const std::string& script) {
  const TemporaryFolder folder;
  const std::string file = folder.write("script", script);
  if (std::system(("command -v " + shell + " >/dev/null 2>&1").c_str()) != 0) return "no shell";
  const std::string line = shell + " \"" + file + "\" >\"" + folder / "out" + "\" 2>&1 </dev/null";
  const int status = std::system(line.c_str());
  return status == 0 ? folder.read("out") : "status " + std::to_string(status) + ": " + folder.read("out");
}

std::string completed_by_bash(const std::string& words) {
  const std::string script = run_command("completion bash").out;
  return in_shell("bash", script + "COMP_WORDS=(lowbit " + words +
                              ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_lowbit\n" +
                              "echo \"${COMPREPLY[@]}\"\n");
}

TEST(Completion, BashCompletes) {
  if (completed_by_bash("ev") == "no shell") GTEST_SKIP() << "there is no bash";
  EXPECT_EQ(completed_by_bash("ev"), "eval\n");
  EXPECT_EQ(completed_by_bash("eval net.onnx --sche"), "--scheme\n");
  EXPECT_EQ(completed_by_bash("eval net.onnx --scheme int8-g32-asym-d"), "int8-g32-asym-dynamic\n");
  EXPECT_EQ(completed_by_bash("eval net.onnx --scheme fp32,int8-g32-asym-d"), "fp32,int8-g32-asym-dynamic\n");
  EXPECT_EQ(completed_by_bash("quantize net.onnx --observer percent"), "\n");
  EXPECT_EQ(completed_by_bash("completion z"), "zsh\n");
}

TEST(Completion, OtherShellsTakeTheirs) {
  const std::string zsh = in_shell("zsh", "compdef() { true; }\n" + run_command("completion zsh").out);
  const std::string fish =
      in_shell("fish", run_command("completion fish").out + "complete -C 'lowbit eval --sche'\n");
  if (zsh == "no shell" && fish == "no shell") GTEST_SKIP() << "there is neither zsh nor fish";
  if (zsh != "no shell") {
    EXPECT_EQ(zsh, "");
  }
  if (fish != "no shell") {
    EXPECT_EQ(fish.rfind("--scheme", 0), 0u) << fish;
  }
}

TEST(Completion, RefusesOtherShells) {
  EXPECT_TRUE(lowbit::testing::refused(run_command("completion tcsh"), "tcsh"));
  EXPECT_TRUE(lowbit::testing::refused(run_command("completion"), "SHELL"));
}

}  // namespace
}  // namespace lowbit::cli
