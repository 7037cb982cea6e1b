// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace lowbit::bench {
namespace {

constexpr const char* kHelp =
    "lowbit_bench [--short] [--table] [--reference] [--unshared] [--budget=<seconds>]\n"
    "          --short      fewer shapes, under three minutes; prints tables at the end\n"
    "          --table      prints tables of whatever ran\n"
    "          --reference  includes the scalar reference kernels\n"
    "          --unshared   leaves out rounds while another program runs on the second thread of the core\n"
    "          --budget     time of the alternating rounds behind each ratio (0.1)\n";

Options& stored() {
  static Options options;
  return options;
}

bool take(std::string_view flag, Options& options) {
  constexpr std::string_view kBudget = "--budget=";
  if (flag == "--short") {
    options.short_set = options.table = true;
  } else if (flag == "--table") {
    options.table = true;
  } else if (flag == "--reference") {
    options.reference = true;
  } else if (flag == "--unshared") {
    options.unshared = true;
  } else if (flag.substr(0, kBudget.size()) == kBudget) {
    options.budget = std::stod(std::string(flag.substr(kBudget.size())));
  } else {
    return false;
  }
  return true;
}

}  // namespace

const Options& options() {
  return stored();
}

void take_options(int& argc, char** argv) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help") fmt::print("{}", kHelp);
    if (!take(argv[i], stored())) argv[kept++] = argv[i];
  }
  argc = kept;
}

}  // namespace lowbit::bench
