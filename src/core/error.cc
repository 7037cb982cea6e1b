#include "lowbit/core/error.h"

#include <cstdio>
#include <cstdlib>

namespace lowbit::detail {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: internal invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace lowbit::detail
