// SPDX-License-Identifier: Apache-2.0
// How lowbit is compiled. By default the library has what its headers declare. A program that defines
// LOWBIT_HEADER_ONLY includes the implementation instead (the `*-inl.h` files beside the headers) and links
// nothing; the bits are the same, with any optimization and for any processor, as long as floats are floats.
#pragma once

// A missing file is the one error after which every compiler stops: hundreds of others would hide the cause.
#if defined(_MSVC_LANG) ? _MSVC_LANG <= 201703L : __cplusplus <= 201703L
#include "lowbit needs C++20: compile with -std=c++20 (CMake: target_compile_features(... cxx_std_20))"
#endif

#include "lowbit/core/detail/compiler.h"

#ifdef LOWBIT_HEADER_ONLY
#define LOWBIT_INLINE inline
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(_M_FP_FAST)
#error "LOWBIT_HEADER_ONLY needs exact floats: compile this file without -ffast-math, or link the library"
#endif
#else
#define LOWBIT_INLINE
#endif

// Whether this file is compiled with exceptions (-fno-exceptions).
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define LOWBIT_EXCEPTIONS 1
#else
#define LOWBIT_EXCEPTIONS 0
#endif

// On functions of a component that is a library of its own. CMake tells a target what it links
// (LOWBIT_LINKED_BY_CMAKE by lowbit, LOWBIT_HAS_<component> by each component), and the compiler refuses
// calls into what it does not: the linker's "undefined reference" names no cause. Without CMake nobody knows,
// and nothing is refused.
#ifdef LOWBIT_LINKED_BY_CMAKE
#define LOWBIT_CALLS_MISSING(component) LOWBIT_UNAVAILABLE(LOWBIT_MISSING_SENTENCE(component))
#else
#define LOWBIT_CALLS_MISSING(component)
#endif
#define LOWBIT_MISSING_SENTENCE(component)                                                                   \
  "this target does not link lowbit::" component ": target_link_libraries(TARGET PRIVATE lowbit::" component \
  "), and find_package(lowbit COMPONENTS " component ")"
#ifdef LOWBIT_HAS_ONNX
#define LOWBIT_ONNX_CALL
#else
#define LOWBIT_ONNX_CALL LOWBIT_CALLS_MISSING("onnx")
#endif
#ifdef LOWBIT_HAS_JSON
#define LOWBIT_JSON_CALL
#else
#define LOWBIT_JSON_CALL LOWBIT_CALLS_MISSING("json")
#endif

// Around an implementation: multiply and add stay two roundings, whatever the file is compiled with.
// Compilers fuse them by default where the processor has an instruction for it (-march=native). Around a
// class, too, whose constructor computes: GCC looks there.
#if !defined(LOWBIT_HEADER_ONLY)
#define LOWBIT_BEGIN_EXACT
#define LOWBIT_END_EXACT
#elif defined(__clang__)
#define LOWBIT_BEGIN_EXACT _Pragma("float_control(push)") _Pragma("clang fp contract(off)")
#define LOWBIT_END_EXACT _Pragma("float_control(pop)")
#elif defined(__GNUC__)
#define LOWBIT_BEGIN_EXACT _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=off\")")
#define LOWBIT_END_EXACT _Pragma("GCC pop_options")
#else
#define LOWBIT_BEGIN_EXACT
#define LOWBIT_END_EXACT
#endif
