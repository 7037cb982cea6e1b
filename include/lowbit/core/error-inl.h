// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

#include "lowbit/core/error.h"

namespace lowbit::detail {

LOWBIT_INLINE void throw_error(ErrorCode code, const std::string& sentence) {
#if LOWBIT_EXCEPTIONS
  throw Error(code, sentence);
#else
  std::fprintf(stderr, "lowbit::Error: %s\n", Error(code, sentence).what());
  std::abort();
#endif
}

LOWBIT_INLINE void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: internal invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace lowbit::detail
