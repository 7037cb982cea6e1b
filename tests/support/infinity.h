// SPDX-License-Identifier: Apache-2.0
// Infinity, which many tests hand in, under a name that is short enough for lists of values.
#pragma once

#include <limits>

namespace lowbit {

inline constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace lowbit
