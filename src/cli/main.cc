// SPDX-License-Identifier: Apache-2.0
// The lowbit command. Exit status: 0 done; 2 the input or the usage is at fault, with one sentence on
// standard error; 1 an internal fault, or standard output that cannot be written; 3 auto found nothing within
// its limits; 130 interrupted.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <system_error>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "lowbit/core/error.h"
#include "lowbit/version.h"
#include "report/printable.h"

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
    "  lowbit auto net.onnx --data mnist:data/mnist --max-drop 0.5 -o net.lowbit\n"
    "  lowbit report net.lowbit net.onnx --data mnist:data/mnist -o report.html\n"
    "  lowbit profile net.lowbit\n"
    "Exit status: 0 done, 2 bad input or usage, 1 an internal fault,\n"
    "3 no network within the limits of auto, 130 interrupted.";

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
  fmt::print(stderr, "lowbit: {}\n", lowbit::report::printable(one_line(text)));
  return status;
}

int output_lost(int why) {
  return report(kFault, fmt::format("cannot write to standard output: {}",
                                    why != 0 ? std::strerror(why) : "output was lost"));
}

int run(int argc, char** argv) {
  CLI::App program("lowbit: neural-network quantization and fast low-bit inference", "lowbit");
  program.set_version_flag("--version", "lowbit " LOWBIT_VERSION_STRING);
  program.require_subcommand(1);
  program.footer(kFooter);
  for (const auto add_command : lowbit::cli::kCommands) add_command(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();  // what there is to say was said
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return program.exit(e);
    // CLI11 would say no more than that a command is missing.
    if (argc > 1 && argv[1][0] != '-' && program.get_subcommands().empty())
      return report(kBadInput, fmt::format("there is no command \"{}\"; see lowbit --help", argv[1]));
    return report(kBadInput, e.what());
  }
  return lowbit::cli::interrupted() ? lowbit::cli::kInterrupted : 0;
}

}  // namespace

int main(int argc, char** argv) {
  lowbit::cli::watch_interrupts();
  try {
    const int status = run(argc, argv);
    // What was printed may still lie in a buffer: without this, a full disk would go unnoticed.
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) || !std::cout) return output_lost(errno);
    return status;
  } catch (const lowbit::Error& e) {
    return report(std::ferror(stdout) ? kFault : kBadInput, e.what());
  } catch (const std::bad_alloc&) {
    return report(kFault, "there is not enough memory");
  } catch (const std::system_error& e) {
    // fmt's, of standard output; files report by Error.
    return std::ferror(stdout) ? output_lost(e.code().value())
                               : report(kFault, std::string("internal fault: ") + e.what());
  } catch (const std::exception& e) {
    return report(kFault, std::string("internal fault: ") + e.what());
  }
}
