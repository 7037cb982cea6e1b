// s8 weights on SDOT: four codes of K at a time, activations taken from a lane. The sign bit of the
// activations is flipped after the load (u8 -> s8); the accumulators start at 128 * (column sum), which
// undoes it.
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
constexpr std::uint32_t kPanelKr = 4, kPanelStep = 8;
constexpr bool kPanelHeader = true;
constexpr unsigned kColumns = 64;
}  // namespace

#include "kernels/s8_panel.inl"

namespace {

/// kRows x 8 accumulators over one block of 8 columns; `b_step` bytes lie between steps of 4 codes.
template <unsigned kRows>
struct Tile {
  int32x4_t acc[kRows][2];

  /// kSteps (1 or 4) steps of 4 codes: row i of A starts at a + offset[i].
  template <unsigned kSteps>
  inline __attribute__((always_inline)) void steps(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                                   const std::int8_t* b, std::size_t b_step) {
    int8x16_t codes[kRows];
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      if constexpr (kSteps == 4) {
        codes[i] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a + offset[i]), vdupq_n_u8(0x80)));
      } else {
        std::uint32_t four;
        __builtin_memcpy(&four, a + offset[i], 4);
        codes[i] = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), vdupq_n_u8(0x80)));
      }
    }
    step<0>(codes, b);
    if constexpr (kSteps == 4) {
      step<1>(codes, b + b_step);
      step<2>(codes, b + 2 * b_step);
      step<3>(codes, b + 3 * b_step);
    }
  }

  template <int kLane>
  inline __attribute__((always_inline)) void step(const int8x16_t* codes, const std::int8_t* b) {
    const int8x16_t w0 = vld1q_s8(b), w1 = vld1q_s8(b + 16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      acc[i][0] = vdotq_laneq_s32(acc[i][0], w0, codes[i], kLane);
      acc[i][1] = vdotq_laneq_s32(acc[i][1], w1, codes[i], kLane);
    }
  }
};

template <unsigned kRows>
void accumulate(const TileArgs& args, unsigned i0, std::size_t width, std::size_t j, std::int32_t* sums) {
  Tile<kRows> tile;
  const auto* header = reinterpret_cast<const std::int32_t*>(args.panel) + j;
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) {
    tile.acc[i][0] = load_i(header);
    tile.acc[i][1] = load_i(header + 4);
  }
  const std::size_t b_step = width * kPanelKr;
  const auto* b =
      reinterpret_cast<const std::int8_t*>(args.panel) + width * sizeof(std::int32_t) + j * kPanelKr;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + run.offset;
    const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
    std::uint32_t left = (run.codes + 3) / 4;
    for (; left >= 4; left -= 4, a += 16, b += 4 * b_step) tile.template steps<4>(a, offset, b, b_step);
    for (; left > 0; --left, a += 4, b += b_step) tile.template steps<1>(a, offset, b, b_step);
  }
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) {
    store_i(sums + i * kColumns, tile.acc[i][0]);
    store_i(sums + i * kColumns + 4, tile.acc[i][1]);
  }
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left.
template <unsigned kRows>
unsigned rows(const TileArgs& args, unsigned i) {
  const std::size_t width = panel_width(args.n);
  alignas(64) std::int32_t sums[kRows * kColumns];
  for (; i + kRows <= args.m; i += kRows) {
    for (std::size_t j = 0; j < width; j += 8) accumulate<kRows>(args, i, width, j, sums + j);
    epilogue(args, sums, kColumns, i, kRows, 0, args.n);
  }
  return i;
}

void run(const TileArgs& args) {
  unsigned i = rows<8>(args, 0);
  i = rows<4>(args, i);
  i = rows<2>(args, i);
  rows<1>(args, i);
}

}  // namespace

const GemmKernel kGemmS8NeonDot = {.name = "s8/neondot",
                                   .format = WeightFormat::s8,
                                   .act = ActType::u8,
                                   .required = Isa::neon | Isa::neondot,
                                   .reference = false,
                                   .nr = kColumns,
                                   .n_step = kPanelStep,
                                   .kr = kPanelKr,
                                   .m_step = 8,
                                   .supports = s8_supports,
                                   .panel_bytes = s8_panel_bytes,
                                   .pack = s8_pack,
                                   .run = run};

}  // namespace lowbit
