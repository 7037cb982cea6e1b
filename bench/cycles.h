// SPDX-License-Identifier: Apache-2.0
// Cycles of the core. The time-stamp counter runs at a rate of its own, so the rate of the core is measured
// by a chain of additions that depend on each other: one cycle each on every processor that we know.
#pragma once

#include <algorithm>
#include <chrono>

namespace lowbit::bench {

inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Core cycles a second, measured now; takes about 10 microseconds. 0 on a processor or compiler for which
/// there is no chain.
inline double cycles_per_second() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
  constexpr int kTurns = 1500, kLinks = 20;
  unsigned long long x = 1;
  const double start = steady_seconds();
  for (int i = 0; i < kTurns; ++i) {
#if defined(__x86_64__)
    asm volatile(".rept 20\n add %0, %0\n .endr" : "+r"(x));
#else
    asm volatile(".rept 20\n add %0, %0, %0\n .endr" : "+r"(x));
#endif
  }
  return kTurns * kLinks / (steady_seconds() - start);
#else
  return 0;
#endif
}

/// Instructions that need nothing but to be fetched and issued: where another program runs on the core's
/// second hardware thread, fewer of them go through, and kernels of many short instructions feel it first.
/// Calls of 10,000 each.
inline void issue_10000() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
  for (int i = 0; i < 10; ++i) asm volatile(".rept 1000\n nop\n .endr");
#endif
}

/// Such instructions a core cycle, measured now; takes about 50 microseconds. Of three times each the
/// shortest, since an interrupt may fall into one. 0 where cycles_per_second() is.
inline double issue_per_cycle() {
  double hertz = 0, seconds = 1;
  for (int i = 0; i < 3; ++i) {
    hertz = std::max(hertz, cycles_per_second());
    const double start = steady_seconds();
    issue_10000();
    seconds = std::min(seconds, steady_seconds() - start);
  }
  return hertz == 0 ? 0 : 10000 / (seconds * hertz);
}

}  // namespace lowbit::bench
