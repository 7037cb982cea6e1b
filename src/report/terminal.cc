// SPDX-License-Identifier: Apache-2.0
#include "report/terminal.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace lowbit::report {
namespace {

bool is_terminal(std::FILE* stream) {
#ifdef _WIN32
  return _isatty(_fileno(stream)) != 0;
#else
  return isatty(fileno(stream)) != 0;
#endif
}

bool understands_control_sequences() {
  const char* term = std::getenv("TERM");
  return !term || std::string_view(term) != "dumb";
}

}  // namespace

bool stderr_is_terminal() {
  return is_terminal(stderr) && understands_control_sequences();
}

bool use_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(stdout) && understands_control_sequences() && !(no_colour && *no_colour);
}

std::string styled(std::string_view text, Style style, bool on) {
  static constexpr const char* kCodes[] = {"", "1", "2", "32", "33"};
  if (!on || style == Style::plain) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<int>(style)], text);
}

}  // namespace lowbit::report
