// s8 weights on plain Advanced SIMD: smull and smlal multiply bytes into 16-bit lanes, sadalp adds pairs of
// lanes to the 32-bit accumulators.
//
// 16 codes of K of one column lie together, so that a lane holds the products of one column only; the four
// lanes of an accumulator are added at the end. The sum of two products overflows int16 in one case only:
// -128 * -128 twice is 2^15. A panel that holds a weight of -128 is marked, and its products are added one by
// one.
//
//   panel:  16 bytes       not zero when some weight is -128
//           rest           as in s8_panel.inl, kr = 16, with the header that undoes the flip of the sign bits
//           of A
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_neon.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {
constexpr std::uint32_t kPanelKr = 16, kPanelStep = 4;
constexpr bool kPanelHeader = true;
constexpr unsigned kColumns = 64;
}  // namespace

#include "kernels/s8_panel.inl"

namespace {

constexpr std::size_t kMarkBytes = 16;

std::size_t neon_panel_bytes(std::uint32_t n, const KRun* runs, std::uint32_t run_count) {
  return kMarkBytes + s8_panel_bytes(n, runs, run_count);
}

void neon_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
               std::uint32_t run_count, std::byte* panel) {
  std::byte* body = panel + kMarkBytes;
  s8_pack(spec, n0, n, runs, run_count, body);
  const std::size_t header = panel_width(n) * sizeof(std::int32_t), end = s8_panel_bytes(n, runs, run_count);
  for (std::size_t i = header; i < end; ++i)
    if (body[i] == std::byte{0x80}) panel[0] = std::byte{1};
}

/// 16 codes, or the `count` (a multiple of 4) that may be read, with the sign bits flipped.
inline int8x16_t load_codes(const std::uint8_t* a, std::uint32_t count) {
  uint8x16_t codes;
  if (count >= 16) {
    codes = vld1q_u8(a);
  } else {
    std::uint8_t buffer[16] = {};
    for (std::uint32_t t = 0; t < count; t += 4) __builtin_memcpy(buffer + t, a + t, 4);
    codes = vld1q_u8(buffer);
  }
  return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(0x80)));
}

template <bool kExact>
inline int32x4_t multiply_add(int32x4_t acc, int8x16_t a, int8x16_t w) {
  const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(w));
  if constexpr (kExact) return vpadalq_s16(vpadalq_s16(acc, low), vmull_high_s8(a, w));
  return vpadalq_s16(acc, vmlal_high_s8(low, a, w));
}

/// kRows x 4 columns, from column j on.
template <unsigned kRows, bool kExact>
void accumulate(const TileArgs& args, unsigned i0, std::size_t width, std::size_t j, std::int32_t* sums) {
  const std::byte* body = args.panel + kMarkBytes;
  const int32x4_t header = load_i(reinterpret_cast<const std::int32_t*>(body) + j);
  int32x4_t acc[kRows][4];
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
    for (unsigned c = 0; c < 4; ++c) acc[i][c] = vdupq_n_s32(0);
  const auto* b = reinterpret_cast<const std::int8_t*>(body) + width * sizeof(std::int32_t) + j * kPanelKr;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + run.offset;
    const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
    const std::uint32_t readable = (run.codes + 3) / 4 * 4;
    for (std::uint32_t t = 0; t < readable; t += 16, b += width * kPanelKr) {
      int8x16_t w[4];
#pragma GCC unroll 64
      for (unsigned c = 0; c < 4; ++c) w[c] = vld1q_s8(b + 16 * c);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        const int8x16_t codes = load_codes(a + offset[i] + t, readable - t);
#pragma GCC unroll 64
        for (unsigned c = 0; c < 4; ++c) acc[i][c] = multiply_add<kExact>(acc[i][c], codes, w[c]);
      }
    }
  }
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) {
    const int32x4_t sum = vpaddq_s32(vpaddq_s32(acc[i][0], acc[i][1]), vpaddq_s32(acc[i][2], acc[i][3]));
    store_i(sums + i * kColumns, vaddq_s32(sum, header));
  }
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left.
template <unsigned kRows>
unsigned rows(const TileArgs& args, unsigned i) {
  const std::size_t width = panel_width(args.n);
  const bool exact = args.panel[0] != std::byte{0};
  alignas(64) std::int32_t sums[kRows * kColumns];
  for (; i + kRows <= args.m; i += kRows) {
    for (std::size_t j = 0; j < width; j += 4) {
      if (exact) {
        accumulate<kRows, true>(args, i, width, j, sums + j);
      } else {
        accumulate<kRows, false>(args, i, width, j, sums + j);
      }
    }
    epilogue(args, sums, kColumns, i, kRows, 0, args.n);
  }
  return i;
}

void run(const TileArgs& args) {
  unsigned i = rows<4>(args, 0);
  i = rows<2>(args, i);
  rows<1>(args, i);
}

}  // namespace

const GemmKernel kGemmS8Neon = {.name = "s8/neon",
                                .format = WeightFormat::s8,
                                .act = ActType::u8,
                                .required = Isa::neon,
                                .reference = false,
                                .nr = kColumns,
                                .n_step = kPanelStep,
                                .kr = kPanelKr,
                                .m_step = 4,
                                .supports = s8_supports,
                                .panel_bytes = neon_panel_bytes,
                                .pack = neon_pack,
                                .run = run};

}  // namespace lowbit
