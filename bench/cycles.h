// Cycles of the core. The time-stamp counter runs at a rate of its own, so the rate of the core is measured
// by a chain of additions that depend on each other: one cycle each on every processor that we know.
#pragma once

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

}  // namespace lowbit::bench
