// SPDX-License-Identifier: Apache-2.0
#include "peak_loops.h"

#include "lowbit/kernels/cpu.h"

namespace lowbit::bench {
namespace {

constexpr long kLoops = 10000;
constexpr int kUnrolled = 12;  // independent sums: more than an instruction's latency times its throughput

// The registers are zero at the start, since arithmetic on subnormal numbers may be slow.
#if defined(__x86_64__) && defined(__GNUC__)
#define LOWBIT_TWELVE(op, r)                                                                           \
  op " %%" r "12, %%" r "13, %%" r "0\n" op " %%" r "12, %%" r "13, %%" r "1\n" op " %%" r "12, %%" r  \
     "13, %%" r "2\n" op " %%" r "12, %%" r "13, %%" r "3\n" op " %%" r "12, %%" r "13, %%" r "4\n" op \
     " %%" r "12, %%" r "13, %%" r "5\n" op " %%" r "12, %%" r "13, %%" r "6\n" op " %%" r "12, %%" r  \
     "13, %%" r "7\n" op " %%" r "12, %%" r "13, %%" r "8\n" op " %%" r "12, %%" r "13, %%" r "9\n" op \
     " %%" r "12, %%" r "13, %%" r "10\n" op " %%" r "12, %%" r "13, %%" r "11\n"
#define LOWBIT_PEAK_LOOP(function, op, r)                                                                \
  void function() {                                                                                      \
    long count = kLoops;                                                                                 \
    asm volatile("vzeroall\n1:\n" LOWBIT_TWELVE(op, r) "dec %0\njnz 1b\nvzeroupper"                      \
                 : "+r"(count)                                                                           \
                 :                                                                                       \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                                \
  }
LOWBIT_PEAK_LOOP(vpdpbusd_zmm, "vpdpbusd", "zmm")
LOWBIT_PEAK_LOOP(vfmadd_zmm, "vfmadd231ps", "zmm")
LOWBIT_PEAK_LOOP(vpmaddubsw_ymm, "vpmaddubsw", "ymm")
LOWBIT_PEAK_LOOP(vpmaddwd_ymm, "vpmaddwd", "ymm")
LOWBIT_PEAK_LOOP(vfmadd_ymm, "vfmadd231ps", "ymm")
constexpr PeakLoop kAll[] = {{"vpdpbusd-zmm", Isa::avx512vnni, 64, vpdpbusd_zmm},
                             {"vpmaddubsw-ymm", Isa::avx2, 32, vpmaddubsw_ymm},
                             {"vpmaddwd-ymm", Isa::avx2, 16, vpmaddwd_ymm},
                             {"vfmadd231ps-zmm", Isa::avx512, 16, vfmadd_zmm},
                             {"vfmadd231ps-ymm", Isa::avx2, 8, vfmadd_ymm}};
#elif defined(__aarch64__) && defined(__GNUC__)
#define LOWBIT_FOUR(op, d, s, i0, i1, i2, i3)                                                              \
  op " v" i0 "." d ", v12." s ", v13." s "\n" op " v" i1 "." d ", v12." s ", v13." s "\n" op " v" i2 "." d \
     ", v12." s ", v13." s "\n" op " v" i3 "." d ", v12." s ", v13." s "\n"
#define LOWBIT_PEAK_LOOP(function, op, d, s)                                                                \
  void function() {                                                                                         \
    long count = kLoops;                                                                                    \
    asm volatile(".arch armv8.2-a+dotprod\nmovi v12.16b, #0\nmovi v13.16b, #0\n1:\n" LOWBIT_FOUR(           \
                     op, d, s, "0", "1", "2", "3") LOWBIT_FOUR(op, d, s, "4", "5", "6", "7")                \
                     LOWBIT_FOUR(op, d, s, "16", "17", "18", "19") "subs %0, %0, #1\nb.ne 1b"               \
                 : "+r"(count)                                                                              \
                 :                                                                                          \
                 : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v12", "v13", "v16", "v17", "v18", \
                   "v19");                                                                                  \
  }
LOWBIT_PEAK_LOOP(sdot, "sdot", "4s", "16b")
LOWBIT_PEAK_LOOP(fmla, "fmla", "4s", "4s")
constexpr PeakLoop kAll[] = {{"sdot", Isa::neondot, 16, sdot}, {"fmla", Isa::neon, 4, fmla}};
#endif

}  // namespace

std::vector<PeakLoop> peak_loops() {
  std::vector<PeakLoop> loops;
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__GNUC__)
  for (PeakLoop loop : kAll) {
    if (!has_isa(active_isa(), loop.required)) continue;
    loop.macs *= double{kLoops} * kUnrolled;
    loops.push_back(loop);
  }
#endif
  return loops;
}

}  // namespace lowbit::bench
