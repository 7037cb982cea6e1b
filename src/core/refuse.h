// SPDX-License-Identifier: Apache-2.0
// How an argument is refused.
#pragma once

#include <string>

#include "lowbit/core/error.h"

namespace lowbit {

[[noreturn]] inline void refuse(const std::string& sentence) {
  throw Error(ErrorCode::invalid_argument, sentence);
}

}  // namespace lowbit
