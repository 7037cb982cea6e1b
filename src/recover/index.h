// SPDX-License-Identifier: Apache-2.0
// Sizes are signed; elements of vectors are not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lowbit::detail {

constexpr std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace lowbit::detail
