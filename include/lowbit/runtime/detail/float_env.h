// SPDX-License-Identifier: Apache-2.0
// A guard that puts the floating-point unit into the default state (round to nearest even, subnormals kept,
// no traps) and restores the caller's on exit: a program linked with -ffast-math flushes subnormals to zero,
// which would change results.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>

#include "lowbit/core/config.h"
#endif

namespace lowbit {

class FloatEnvironmentGuard {
 public:
#if defined(__SSE2__) || defined(_M_X64)
  FloatEnvironmentGuard() noexcept : saved_(_mm_getcsr()) {
    if (saved_ != kDefault) _mm_setcsr(kDefault);
  }
  ~FloatEnvironmentGuard() {
    if (_mm_getcsr() != saved_) _mm_setcsr(static_cast<unsigned>(saved_));
  }

 private:
  static constexpr unsigned kDefault = 0x1F80;  // every exception masked, nearest even, FTZ and DAZ off
  unsigned saved_;
#elif defined(__aarch64__)
  FloatEnvironmentGuard() noexcept {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    if (saved_ != 0) asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}) : "memory");
  }
  ~FloatEnvironmentGuard() {
    if (saved_ != 0) asm volatile("msr fpcr, %0" : : "r"(saved_) : "memory");
  }

 private:
  std::uint64_t saved_;
#else
  FloatEnvironmentGuard() noexcept = default;
  ~FloatEnvironmentGuard() {}
#endif
 public:
  FloatEnvironmentGuard(const FloatEnvironmentGuard&) = delete;
  FloatEnvironmentGuard& operator=(const FloatEnvironmentGuard&) = delete;
};

}  // namespace lowbit
