// SPDX-License-Identifier: Apache-2.0
// How the bytes of a large file come into memory.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

enum class FileAccess : std::uint8_t {
  /// By the system, a page when it is touched: a file of any size opens at once. Where another process cuts
  /// the file short afterwards, functions that hand out its bytes throw Error(io); a read of bytes that were
  /// handed out before ends the program (SIGBUS). Systems without mmap read instead.
  mapped,
  /// All of it, when it is opened; nothing that happens to the file afterwards matters.
  read,
};

}  // namespace lowbit
