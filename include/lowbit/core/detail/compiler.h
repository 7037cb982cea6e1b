// SPDX-License-Identifier: Apache-2.0
// The one place that knows which compiler this is: attributes as macros, and for a compiler that is neither
// GCC nor Clang what the sources take from those two. That part is untried; inline assembly of some kernels
// remains (LOWBIT_ISAS=scalar leaves those out).
#pragma once

// On functions and lambdas of a kernel's inner loop, which must not become calls; and on what must stay one.
#if defined(__GNUC__)
#define LOWBIT_ALWAYS_INLINE __attribute__((always_inline))
#define LOWBIT_NOINLINE __attribute__((noinline))
#else
#define LOWBIT_ALWAYS_INLINE
#define LOWBIT_NOINLINE
#endif

// A type that crosses the border of a shared library, in programs too that hide theirs (-fvisibility=hidden).
#if defined(__GNUC__)
#define LOWBIT_EXPORTED __attribute__((visibility("default")))
#else
#define LOWBIT_EXPORTED
#endif

// A function that nobody may call: the compiler says the sentence. GCC finds such calls when it makes code of
// them.
#if defined(__clang__)
#define LOWBIT_UNAVAILABLE(sentence) __attribute__((unavailable(sentence)))
#elif defined(__GNUC__)
#define LOWBIT_UNAVAILABLE(sentence) __attribute__((error(sentence)))
#else
#define LOWBIT_UNAVAILABLE(sentence)
#endif

#if !defined(__GNUC__)
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#define __builtin_bit_cast(type, value) std::bit_cast<type>(value)
#define __builtin_ctz(bits) std::countr_zero(static_cast<unsigned>(bits))
#define __builtin_fabsf std::fabs
#define __builtin_fmaf std::fma
#define __builtin_inff std::numeric_limits<float>::infinity
#define __builtin_memcpy std::memcpy
#define __builtin_memset std::memset
#define __builtin_nanf(text) std::numeric_limits<float>::quiet_NaN()
#define __builtin_popcount(bits) std::popcount(static_cast<unsigned>(bits))
#define __builtin_prefetch(...) static_cast<void>(0)
#define __builtin_rintf std::rint
#endif
