// SPDX-License-Identifier: Apache-2.0
// Counts calls of operator new, and of malloc from the library, in the whole test binary;
// lowbit_count_allocations in tests/CMakeLists.txt links it in.
#pragma once

#include <cstddef>

namespace lowbit::testing {
std::size_t allocations();
/// Bytes that operator new has given and operator delete has not taken back; not those of malloc.
std::size_t live_bytes();
/// The most that live_bytes() was since restart_peak().
std::size_t peak_bytes();
void restart_peak();
}  // namespace lowbit::testing
