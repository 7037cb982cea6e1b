// SPDX-License-Identifier: Apache-2.0
// What to do where the compiler knows too much about a pointer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lowbit::kernels {
namespace {

/// Constant distances from one pointer are free; worked out before the loops they would be two dozen pointers
/// that cost registers: hides from the compiler what the pointer is.
template <class T>
inline void keep_one_pointer([[maybe_unused]] T*& p) {
#if defined(__GNUC__)
  asm("" : "+r"(p));
#endif
}

}  // namespace
}  // namespace lowbit::kernels
