// SPDX-License-Identifier: Apache-2.0
// Arguments of the command, one a line. Commands are parsed and not run: they would write where they are told
// to.
#include <CLI/CLI.hpp>

#include <algorithm>

#include "cli/commands.h"
#include "fuzz.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  std::vector<std::string> arguments(1);
  for (const char c : text_of(input))
    if (c == '\n')
      arguments.emplace_back();
    else if (c != '\0')
      arguments.back() += c;
  CLI::App program("lowbit", "lowbit");
  program.require_subcommand(1);
  for (const auto add_command : cli::kCommands) add_command(program);
  // Before the commands' own.
  program.parse_complete_callback([] { throw CLI::Success(); });
  std::reverse(arguments.begin(), arguments.end());  // as parse() wants them
  try {
    program.parse(arguments);
  } catch (const CLI::ParseError&) {
  }
}

std::vector<Bytes> seeds() {
  return {
      bytes_of("check\nnet.onnx\n--open\nsequence=1:512\n--shape\nx=3x4\n--set\nsr=16000\n--json"),
      bytes_of("quantize\nnet.onnx\n--data\nmnist:folder\n--scheme\nint8\n-o\nx.lowbit\n--recover\nfast"),
      bytes_of("eval\na.onnx\nb.lowbit\n--data\nnpz:x.npz\n--scheme\nint8,int4-g32\n--threads\n2\n--json\n-"),
      bytes_of("run\nx.lowbit\n--input\nx.npy\n--output\ny.npy"),
      bytes_of("sensitivity\nx.onnx\n--html\ny.html\n--images\n10"),
      bytes_of("schemes"),
      bytes_of("demo")};
}

}  // namespace lowbit::fuzz
