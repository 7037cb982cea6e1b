// SPDX-License-Identifier: Apache-2.0
// What the parts of a recovery ask of its steps.
#pragma once

#include <chrono>

#include "lowbit/recover/recover.h"

namespace lowbit::detail {

/// Whether the step is among those of the options.
bool asks_for(const RecoverOptions& options, RecoveryStep step);

using RecoveryClock = std::chrono::steady_clock;
double seconds_since(RecoveryClock::time_point start);

}  // namespace lowbit::detail
