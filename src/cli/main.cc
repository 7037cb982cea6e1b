// The lowbit command. Exit status: 0 done; 2 the input or the usage is at fault, with one sentence on
// standard error; 1 an internal fault.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <new>
#include <string>

#include "cli/commands.h"
#include "lowbit/core/error.h"
#include "lowbit/version.h"

namespace {

constexpr int kFault = 1, kBadInput = 2;

constexpr const char* kFooter =
    "Examples:\n"
    "  lowbit demo\n"
    "  lowbit eval net.onnx --data mnist:data/mnist --scheme int8,int4-g32\n"
    "  lowbit quantize net.onnx --data mnist:data/mnist --scheme int8 -o net.lowbit\n"
    "  lowbit calibrate net.onnx --data mnist:data/mnist --observer histogram -o table.json\n"
    "  lowbit quantize net.onnx --table table.json -o net.lowbit\n"
    "  lowbit eval net.onnx net.lowbit --data mnist:data/mnist\n"
    "  lowbit run net.lowbit --input x.npy --output y.npy\n"
    "  lowbit info net.lowbit\n"
    "  lowbit check net.onnx\n"
    "  lowbit sensitivity net.onnx --data mnist:data/mnist --html layers.html\n"
    "Exit status: 0 done, 2 bad input or usage, 1 an internal fault.";

// One line, whatever the text came from.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

int report(int status, const std::string& text) {
  fmt::print(stderr, "lowbit: {}\n", one_line(text));
  return status;
}

int run(int argc, char** argv) {
  CLI::App program("lowbit: neural-network quantization and fast low-bit inference", "lowbit");
  program.set_version_flag("--version", "lowbit " LOWBIT_VERSION_STRING);
  program.require_subcommand(1);
  program.footer(kFooter);
  for (const auto add_command : lowbit::cli::kCommands) add_command(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return program.exit(e);
    // CLI11 would say no more than that a command is missing.
    if (argc > 1 && argv[1][0] != '-' && program.get_subcommands().empty())
      return report(kBadInput, fmt::format("there is no command \"{}\"; see lowbit --help", argv[1]));
    return report(kBadInput, e.what());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const lowbit::Error& e) {
    return report(kBadInput, e.what());
  } catch (const std::bad_alloc&) {
    return report(kFault, "there is not enough memory");
  } catch (const std::exception& e) {
    return report(kFault, std::string("internal fault: ") + e.what());
  }
}
