// SPDX-License-Identifier: Apache-2.0
// Recoveries by the names that commands take: those of parse_recovery, and brecq, which is not of the library
// that has the others.
#pragma once

#include <string>

#include "lowbit/recover/recover.h"

namespace lowbit::eval {

struct NamedRecovery {
  RecoverOptions options{};          ///< threads, progress and report are the caller's to set
  bool reconstructs_blocks = false;  ///< after these steps
};

/// "fast", "best", steps with commas; any of them and ",brecq", or "brecq" alone, behind "fast". Throws
/// Error(invalid_argument) for another name, with those there are.
NamedRecovery parse_named_recovery(const std::string& text);
/// What steps are called, with commas.
std::string named_recovery_steps();
Recovery make_recovery(NamedRecovery named);

}  // namespace lowbit::eval
