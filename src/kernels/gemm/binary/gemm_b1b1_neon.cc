// SPDX-License-Identifier: Apache-2.0
// b1 weights with sign-bit activations on plain Advanced SIMD. Codes differ in sign where their bits differ:
// the sum of `codes` products is codes - 2 * popcount(a ^ w). CNT counts the bits of each byte; counts are
// added in bytes, which hold 31 of them, before they are widened.
//
// 32 codes of K of one column lie together, those of A are repeated for each column: an accumulator's 4-byte
// lane belongs to one column, and nothing but a pairwise widening is left to do at the end.
//
//   block of columns 0 .. 15:
//     codes    run 0: | codes 0 .. 31: column 0: 4 bytes, column 1, ... | codes 32 .. 63: ... |; run 1: ...
//              the last 32 codes of a run are padded with zeros, as those of A are
//     record   of plane 0: column sums s32 [16], several planes: scales f32 [16]
//     record   of plane 1 ...
//   next block ...
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"

namespace lowbit::kernels::binary {
namespace {

constexpr unsigned kCols = 16, kVecs = kCols / 4, kStepCodes = 32, kStepBytes = kCols * kStepCodes / 8;
constexpr unsigned kMaxSteps = 31;  // 31 counts of at most 8 fit a byte

inline std::size_t code_bytes(const KRun* runs, std::uint32_t run_count) {
  std::size_t steps = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) steps += (runs[r].codes + kStepCodes - 1) / kStepCodes;
  return steps * kStepBytes;
}

inline std::uint32_t plane_count(const KRun* runs, std::uint32_t run_count) {
  return runs[run_count - 1].group + 1;
}

inline std::size_t record_bytes(std::uint32_t planes) {
  return kCols * (sizeof(std::int32_t) + (planes > 1 ? sizeof(float) : 0));
}

inline std::size_t block_bytes(const KRun* runs, std::uint32_t run_count) {
  const std::uint32_t planes = plane_count(runs, run_count);
  return code_bytes(runs, run_count) + planes * record_bytes(planes);
}

bool supports(const WeightSpec& spec) {
  return spec.format == WeightFormat::b1 && spec.act == ActType::b1;
}

std::size_t panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                        std::uint32_t run_count) {
  return (n + kCols - 1) / kCols * block_bytes(runs, run_count);
}

void pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
          std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::size_t block = block_bytes(runs, run_count), codes = code_bytes(runs, run_count);
  for (std::uint32_t j = 0; j < n; ++j) {
    const std::uint32_t c = j % kCols;
    std::byte* out = panel + j / kCols * block;
    std::byte* record = out + codes;
    std::int32_t sum = 0;
    for (std::uint32_t r = 0; r < run_count; ++r) {
      const KRun& run = runs[r];
      const std::size_t row = std::size_t{n0 + j} * spec.planes + run.group;
      for (std::uint32_t t = 0; t < run.codes; ++t) {
        const std::int32_t bit = code_at(spec, row, run_start(spec, run) + t);
        out[t / kStepCodes * kStepBytes + c * 4 + t % kStepCodes / 8] |= static_cast<std::byte>(bit << t % 8);
        sum += 1 - 2 * bit;
      }
      out += (run.codes + kStepCodes - 1) / kStepCodes * kStepBytes;
      if (!run.flush) continue;
      reinterpret_cast<std::int32_t*>(record)[c] = sum;
      if (spec.planes > 1) reinterpret_cast<float*>(record)[kCols + c] = spec.scales[row];
      record += record_bytes(spec.planes);
      sum = 0;
    }
  }
}

/// Counts of kRows rows by kCols columns.
template <unsigned kRows>
struct Counts {
  uint8x16_t acc[kRows][kVecs];
  alignas(16) std::uint32_t total[kRows][kCols];
  std::uint32_t room;  // steps until a byte may overflow

  inline LOWBIT_ALWAYS_INLINE void clear_bytes() {
    room = kMaxSteps;
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) acc[i][v] = vdupq_n_u8(0);
  }

  inline LOWBIT_ALWAYS_INLINE void widen() {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        std::uint32_t* at = total[i] + 4 * v;
        vst1q_u32(at, vpadalq_u16(vld1q_u32(at), vpaddlq_u8(acc[i][v])));
      }
    clear_bytes();
  }

  /// `left` steps of 32 codes: row i of A starts at a[i]. Returns what follows the weights.
  inline LOWBIT_ALWAYS_INLINE const std::uint8_t* run(const std::uint8_t* const* a, std::uint32_t left,
                                                      const std::uint8_t* b) {
    for (std::size_t at = 0; left > 0;) {
      const std::uint32_t steps = left < room ? left : room;
      for (const std::size_t end = at + 4 * steps; at < end; at += 4, b += kStepBytes) {
        uint8x16_t w[kVecs];
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) w[v] = vld1q_u8(b + 16 * v);
#pragma GCC unroll 64
        for (unsigned i = 0; i < kRows; ++i) {
          const uint8x16_t codes =
              vreinterpretq_u8_u32(vld1q_dup_u32(reinterpret_cast<const std::uint32_t*>(a[i] + at)));
#pragma GCC unroll 64
          for (unsigned v = 0; v < kVecs; ++v)
            acc[i][v] = vaddq_u8(acc[i][v], vcntq_u8(veorq_u8(codes, w[v])));
        }
      }
      left -= steps;
      room -= steps;
      if (room == 0) widen();
    }
    return b;
  }
};

/// The sum of a plane, as the integer result or scaled and added to the floats at `out`.
template <unsigned kRows>
inline void flush(const TileArgs& args, const Counts<kRows>& counts, std::uint32_t codes,
                  const std::byte* record, bool several, unsigned i0, std::byte* out) {
  for (unsigned i = 0; i < kRows; ++i) {
    const std::int32_t zero = several && args.epilogue.row_a ? args.epilogue.row_a[i0 + i] : 0;
    for (unsigned v = 0; v < kVecs; ++v) {
      const int32x4_t column_sums = vld1q_s32(reinterpret_cast<const std::int32_t*>(record) + 4 * v);
      const int32x4_t differing = vreinterpretq_s32_u32(vld1q_u32(counts.total[i] + 4 * v));
      int32x4_t sum = vmlsq_n_s32(vdupq_n_s32(static_cast<std::int32_t>(codes)), differing, 2);
      if (several) {
        sum = vmlsq_n_s32(sum, column_sums, zero);
        auto* f = reinterpret_cast<float*>(out) + i * kCols + 4 * v;
        const float32x4_t scales = vld1q_f32(reinterpret_cast<const float*>(record) + kCols + 4 * v);
        vst1q_f32(f, vfmaq_f32(vld1q_f32(f), vcvtq_f32_s32(sum), scales));
      } else {
        vst1q_s32(reinterpret_cast<std::int32_t*>(out) + i * kCols + 4 * v, sum);
      }
    }
  }
}

template <unsigned kRows>
LOWBIT_NOINLINE void accumulate(const TileArgs& args, const std::byte* block, const std::byte* record,
                                unsigned i0, std::byte* out) {
  const std::uint32_t planes = plane_count(args.runs, args.run_count);
  Counts<kRows> counts;
  counts.clear_bytes();
  __builtin_memset(counts.total, 0, sizeof(counts.total));
  __builtin_memset(out, 0, kRows * kCols * sizeof(float));
  const auto* b = reinterpret_cast<const std::uint8_t*>(block);
  std::uint32_t codes = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
    const std::uint8_t* a[kRows];
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) a[i] = args.a + offset[i] + run.offset / 8;
    b = counts.run(a, (run.codes + kStepCodes - 1) / kStepCodes, b);
    codes += run.codes;
    if (!run.flush) continue;
    counts.widen();
    flush<kRows>(args, counts, codes, record, planes > 1, i0, out);
    __builtin_memset(counts.total, 0, sizeof(counts.total));
    record += record_bytes(planes);
    codes = 0;
  }
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left.
template <unsigned kRows>
unsigned rows(const TileArgs& args, const std::byte* block, const std::byte* record, unsigned j, unsigned i) {
  alignas(16) std::byte out[kRows * kCols * sizeof(float)];
  const unsigned n = args.n - j < kCols ? args.n - j : kCols;
  for (; i + kRows <= args.m; i += kRows) {
    accumulate<kRows>(args, block, record, i, out);
    if (plane_count(args.runs, args.run_count) > 1) {
      epilogue(args, reinterpret_cast<const float*>(out), kCols, i, kRows, j, n);
    } else {
      epilogue(args, reinterpret_cast<const std::int32_t*>(out), kCols, i, kRows, j, n);
    }
  }
  return i;
}

void run(const TileArgs& args) {
  const std::size_t bytes = block_bytes(args.runs, args.run_count);
  const std::size_t codes = code_bytes(args.runs, args.run_count);
  const std::byte* block = args.panel;
  for (unsigned j = 0; j < args.n; j += kCols, block += bytes) {
    unsigned i = rows<4>(args, block, block + codes, j, 0);
    i = rows<2>(args, block, block + codes, j, i);
    rows<1>(args, block, block + codes, j, i);
  }
}

}  // namespace
}  // namespace lowbit::kernels::binary

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmB1b1Neon = {.name = "b1b1/neon",
                                                   .format = WeightFormat::b1,
                                                   .act = ActType::b1,
                                                   .required = Isa::neon,
                                                   .reference = false,
                                                   .nr = 64,
                                                   .n_step = binary::kCols,
                                                   .kr = binary::kStepCodes,
                                                   .m_step = 4,
                                                   .supports = binary::supports,
                                                   .panel_bytes = binary::panel_bytes,
                                                   .pack = binary::pack,
                                                   .run = binary::run};

}  // namespace lowbit::kernels
