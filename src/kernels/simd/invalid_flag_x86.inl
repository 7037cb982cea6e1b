// SPDX-License-Identifier: Apache-2.0
// How the loops for x86 learn that a float did not fit an int32. The conversion gives 0x80000000 for NaN,
// infinities and everything from 2^31 on, whatever the sign, and sets the sticky flag "invalid" of MXCSR. A
// loop clears the flag, converts without looking, and asks at its end: checking each element would halve the
// speed.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace lowbit::kernels {
namespace {

constexpr bool kWatchConversions = true;
constexpr unsigned kInvalid = 1;

class InvalidFlag {
 public:
  /// Does nothing at all unless `watch`.
  explicit InvalidFlag(bool watch) : watch_(watch), caller_(watch ? _mm_getcsr() : 0) { clear(caller_); }
  /// To be called last. Not a destructor: that would tie the object file to the runtime of exceptions.
  void restore() {
    if (caller_ & kInvalid) _mm_setcsr(_mm_getcsr() | kInvalid);
  }

  // The barriers keep the conversions, which depend on loads and end in stores, between the two calls.
  void clear() { clear(_mm_getcsr()); }
  bool raised() {
    asm volatile("" ::: "memory");
    return watch_ && ((_mm_getcsr() & kInvalid) != 0 || !is_kept());
  }

 private:
  static void clear(unsigned now) {
    if (now & kInvalid) _mm_setcsr(now & ~kInvalid);
    asm volatile("" ::: "memory");
  }
  /// Whether this machine keeps the flag: Valgrind, for one, does not.
  static bool is_kept() {
    static int known = 0;  // 1 for yes, 2 for no
    int state = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (state == 0) {
      __m128 nan = _mm_set1_ps(__builtin_nanf(""));
      asm volatile("" : "+x"(nan));
      __m128i converted = _mm_cvtps_epi32(nan);
      asm volatile("" : "+x"(converted));
      const unsigned now = _mm_getcsr();
      state = now & kInvalid ? 1 : 2;
      _mm_setcsr(now & ~kInvalid);
      __atomic_store_n(&known, state, __ATOMIC_RELAXED);
    }
    return state == 1;
  }

  bool watch_;
  unsigned caller_;
};

}  // namespace
}  // namespace lowbit::kernels
