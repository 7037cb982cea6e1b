// SPDX-License-Identifier: Apache-2.0
// Asking for memory before it is read.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

namespace lowbit::kernels {
namespace {

// How far ahead of one row weights are asked for: they pass by once, and pages end every 4 KiB.
constexpr std::size_t kAheadBytes = 2048;

/// Brings the line of `p` into the L2 cache; `p` may lie outside of any memory. Of a function whose body is
/// _mm_prefetch alone GCC finds that it has no effect, and drops the calls.
inline LOWBIT_ALWAYS_INLINE void fetch_to_l2(const void* p) {
#if defined(__GNUC__)
  asm volatile("prefetcht1 %0" : : "m"(*static_cast<const char*>(p)));
#else
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
#endif
}

}  // namespace
}  // namespace lowbit::kernels
