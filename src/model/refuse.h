// How the files of this folder refuse an argument.
#pragma once

#include <string>

#include "lowbit/core/error.h"

namespace lowbit {

[[noreturn]] inline void refuse(const std::string& sentence) {
  throw Error(ErrorCode::invalid_argument, sentence);
}

}  // namespace lowbit
