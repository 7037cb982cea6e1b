// SPDX-License-Identifier: Apache-2.0
// What the sources take from GCC and Clang, for a compiler that is neither: attributes say nothing, builtins
// are functions of the standard library. Untried; inline assembly of some kernels remains (LOWBIT_ISAS=scalar
// leaves those out).
#pragma once

#if !defined(__GNUC__)
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#define __attribute__(list)
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
