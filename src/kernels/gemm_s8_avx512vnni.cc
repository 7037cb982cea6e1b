// s8 weights on AVX512-VNNI: vpdpbusd on four codes of K at a time, activations broadcast from memory.
//
// A tile is 1 to 4 column vectors wide and as tall as 24 accumulators allow: 6x64, 8x48, 12x32, 24x16. That
// leaves room for the weights of one step of a wide tile, or of four steps of a narrow one, so that a narrow
// tile pays for a row's address once every 16 codes.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {
constexpr std::uint32_t kPanelKr = 4, kPanelStep = 16;
constexpr bool kPanelHeader = false;
}  // namespace

#include "kernels/s8_panel.inl"

namespace {

inline __m512i broadcast_codes(const std::uint8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

/// Tall tiles have more row offsets than registers. Hoisted out of the loop they would be spilled and
/// reloaded, which costs more than loading each where it is used: hides from the compiler that they do not
/// change.
template <unsigned kRows>
inline void keep_in_memory([[maybe_unused]] const std::ptrdiff_t*& offset) {
#if defined(__GNUC__)
  if constexpr (kRows > 8) asm("" : "+r"(offset));
#endif
}

/// kRows x kVecs accumulators; with few of them, kSplit sets take turns, since a vpdpbusd must wait for the
/// last one on its accumulator (5 cycles, 2 a cycle: 10 chains).
template <unsigned kRows, unsigned kVecs>
struct Tile {
  static constexpr unsigned kChains = kRows * kVecs;
  static constexpr unsigned kSplit = kChains >= 9 ? 1 : kChains >= 5 ? 2 : 4;
  static constexpr unsigned kMinUnroll = kVecs == 1 ? 4 : kVecs == 2 ? 2 : 1;
  static constexpr unsigned kUnroll = kMinUnroll > kSplit ? kMinUnroll : kSplit;
  // Rows whose addresses are held in registers at a time.
  static constexpr unsigned kBlock = kRows < 6 ? kRows : 6;

  __m512i acc[kSplit][kRows][kVecs];

  inline __attribute__((always_inline)) void clear() {
#pragma GCC unroll 64
    for (unsigned s = 0; s < kSplit; ++s)
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) acc[s][i][v] = _mm512_setzero_si512();
  }

  /// kSteps steps of 4 codes: row i of A starts at a + offset[i].
  template <unsigned kSteps>
  inline __attribute__((always_inline)) void steps(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                                   const std::byte* b) {
    __m512i w[kSteps][kVecs];
#pragma GCC unroll 64
    for (unsigned u = 0; u < kSteps; ++u)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) w[u][v] = _mm512_load_si512(b + (u * kVecs + v) * 64);
#pragma GCC unroll 64
    for (unsigned i0 = 0; i0 < kRows; i0 += kBlock)
#pragma GCC unroll 64
      for (unsigned u = 0; u < kSteps; ++u)
#pragma GCC unroll 64
        for (unsigned r = 0; r < kBlock; ++r) {
          const unsigned i = i0 + r;
          if (i >= kRows) break;
          const __m512i codes = broadcast_codes(a + offset[i] + 4 * u);
#pragma GCC unroll 64
          for (unsigned v = 0; v < kVecs; ++v)
            acc[u % kSplit][i][v] = _mm512_dpbusd_epi32(acc[u % kSplit][i][v], codes, w[u][v]);
        }
  }

  inline __attribute__((always_inline)) void store(std::int32_t* out) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        __m512i sum = acc[0][i][v];
#pragma GCC unroll 64
        for (unsigned s = 1; s < kSplit; ++s) sum = _mm512_add_epi32(sum, acc[s][i][v]);
        _mm512_store_si512(out + (i * kVecs + v) * 16, sum);
      }
  }
};

template <unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void accumulate(const TileArgs& args, unsigned i0, std::int32_t* out) {
  using T = Tile<kRows, kVecs>;
  T tile;
  tile.clear();
  const std::byte* b = args.panel;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + run.offset;
    const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
    std::uint32_t left = (run.codes + 3) / 4;
    for (; left >= T::kUnroll; left -= T::kUnroll) {
      keep_in_memory<kRows>(offset);
      tile.template steps<T::kUnroll>(a, offset, b);
      a += 4 * T::kUnroll;
      b += 64 * kVecs * T::kUnroll;
    }
    if constexpr (T::kUnroll > 1) {
      for (; left > 0; --left) {
        tile.template steps<1>(a, offset, b);
        a += 4;
        b += 64 * kVecs;
      }
    }
  }
  tile.store(out);
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left.
template <unsigned kRows, unsigned kVecs>
unsigned rows(const TileArgs& args, unsigned i) {
  alignas(64) std::int32_t acc[kRows * kVecs * 16];
  for (; i + kRows <= args.m; i += kRows) {
    accumulate<kRows, kVecs>(args, i, acc);
    epilogue(args, acc, kVecs * 16, i, kRows, 0, args.n);
  }
  return i;
}

template <unsigned kVecs, unsigned... kRows>
void all_rows(const TileArgs& args) {
  unsigned i = 0;
  ((i = rows<kRows, kVecs>(args, i)), ...);
}

void run(const TileArgs& args) {
  switch (panel_width(args.n) / 16) {
    case 1:
      return all_rows<1, 24, 16, 12, 8, 6, 4, 2, 1>(args);
    case 2:
      return all_rows<2, 12, 8, 6, 4, 2, 1>(args);
    case 3:
      return all_rows<3, 8, 6, 4, 2, 1>(args);
    default:
      return all_rows<4, 6, 5, 4, 3, 2, 1>(args);
  }
}

}  // namespace

const GemmKernel kGemmS8Avx512Vnni = {.name = "s8/avx512vnni",
                                      .format = WeightFormat::s8,
                                      .act = ActType::u8,
                                      .required = Isa::avx2 | Isa::avx512 | Isa::avx512vnni,
                                      .reference = false,
                                      .nr = 64,
                                      .n_step = kPanelStep,
                                      .kr = kPanelKr,
                                      .m_step = 24,
                                      .supports = s8_supports,
                                      .panel_bytes = s8_panel_bytes,
                                      .pack = s8_pack,
                                      .run = run};

}  // namespace lowbit
