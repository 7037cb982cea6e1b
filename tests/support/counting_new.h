// Counts calls of operator new, and of malloc from the library, in the whole test binary;
// lowbit_count_allocations in tests/CMakeLists.txt links it in.
#pragma once

#include <cstddef>

namespace lowbit::testing {
std::size_t allocations();
}
