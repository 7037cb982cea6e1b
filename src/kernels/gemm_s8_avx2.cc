// s8 weights on AVX2, exact: activations are widened to int16 and multiplied with vpmaddwd, which cannot
// overflow (255 * 128 * 2 < 2^31), unlike vpmaddubsw.
//
// Rows of A are widened once into a chunk on the stack that all columns of the panel then read, so that the
// inner loop broadcasts a pair of int16 codes straight from memory. The int32 sums of the whole tile stay on
// the stack too and go through the accumulators once for each chunk of K.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx2.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {
constexpr std::uint32_t kPanelKr = 2, kPanelStep = 16;
constexpr bool kPanelHeader = false;
}  // namespace

#include "kernels/s8_panel.inl"

namespace {

constexpr unsigned kMaxRows = 6, kColumns = 32;
constexpr std::uint32_t kChunk = 512;  // codes of K widened at a time, padding of runs included

struct Chunk {
  alignas(64) std::int16_t codes[kMaxRows][kChunk];
  std::uint32_t used = 0;  // even
};

/// Where in the runs the next chunk starts.
struct Position {
  std::uint32_t run = 0, code = 0;
};

/// Widens `count` codes; the second of an odd last pair meets a weight of zero, so that its value does not
/// matter.
inline void widen(const std::uint8_t* a, std::uint32_t count, std::int16_t* out) {
  std::uint32_t t = 0;
  for (; t + 16 <= count; t += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + t));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + t), _mm256_cvtepu8_epi16(bytes));
  }
  for (; t + 4 <= count; t += 4) {
    const __m128i bytes = _mm_loadu_si32(a + t);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + t), _mm_cvtepu8_epi16(bytes));
  }
  for (; t < count; ++t) out[t] = a[t];
  if (t % 2) out[t] = 0;
}

/// Fills the chunk from `p` on with rows [i0, i0 + kRows); moves `p`.
template <unsigned kRows>
void fill(const TileArgs& args, unsigned i0, Position& p, Chunk& chunk) {
  chunk.used = 0;
  while (p.run < args.run_count && chunk.used < kChunk) {
    const KRun& run = args.runs[p.run];
    const std::uint32_t room = kChunk - chunk.used, left = run.codes - p.code;
    const std::uint32_t count = left < room ? left : room;
    const std::ptrdiff_t* offset = args.a_offset + run.tap * args.a_offset_stride + i0;
    for (unsigned i = 0; i < kRows; ++i)
      widen(args.a + offset[i] + run.offset + p.code, count, chunk.codes[i] + chunk.used);
    chunk.used += (count + 1) / 2 * 2;
    p.code += count;
    if (p.code == run.codes) p = {p.run + 1, 0};
  }
}

inline __m256i load_weights(const std::byte* b) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(b)));
}

/// Adds a chunk to kRows x 16 sums at `sums`; b points at the 16 columns, `b_step` bytes to the next pair of
/// codes.
template <unsigned kRows>
__attribute__((noinline)) void accumulate(const Chunk& chunk, const std::byte* b, std::size_t b_step,
                                          bool first, std::int32_t* sums) {
  __m256i acc[kRows][2];
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) {
    acc[i][0] = first ? _mm256_setzero_si256() : load_i(sums + i * kColumns);
    acc[i][1] = first ? _mm256_setzero_si256() : load_i(sums + i * kColumns + 8);
  }
  for (std::uint32_t t = 0; t < chunk.used; t += 2, b += b_step) {
    const __m256i w0 = load_weights(b), w1 = load_weights(b + 16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      std::int32_t pair;
      __builtin_memcpy(&pair, chunk.codes[i] + t, 4);
      const __m256i codes = _mm256_set1_epi32(pair);
      acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(codes, w0));
      acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(codes, w1));
    }
  }
#pragma GCC unroll 64
  for (unsigned i = 0; i < kRows; ++i) {
    store_i(sums + i * kColumns, acc[i][0]);
    store_i(sums + i * kColumns + 8, acc[i][1]);
  }
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left.
template <unsigned kRows>
unsigned rows(const TileArgs& args, unsigned i) {
  const std::size_t width = panel_width(args.n), b_step = width * kPanelKr;
  alignas(64) std::int32_t sums[kRows * kColumns];
  Chunk chunk;
  for (; i + kRows <= args.m; i += kRows) {
    Position p;
    const std::byte* b = args.panel;
    for (bool first = true; p.run < args.run_count; first = false) {
      fill<kRows>(args, i, p, chunk);
      for (std::size_t j = 0; j < width; j += 16)
        accumulate<kRows>(chunk, b + j * kPanelKr, b_step, first, sums + j);
      b += chunk.used / 2 * b_step;
    }
    epilogue(args, sums, kColumns, i, kRows, 0, args.n);
  }
  return i;
}

void run(const TileArgs& args) {
  unsigned i = rows<6>(args, 0);
  i = rows<4>(args, i);
  i = rows<2>(args, i);
  rows<1>(args, i);
}

}  // namespace

const GemmKernel kGemmS8Avx2 = {.name = "s8/avx2",
                                .format = WeightFormat::s8,
                                .act = ActType::u8,
                                .required = Isa::avx2,
                                .reference = false,
                                .nr = kColumns,
                                .n_step = kPanelStep,
                                .kr = kPanelKr,
                                .m_step = kMaxRows,
                                .supports = s8_supports,
                                .panel_bytes = s8_panel_bytes,
                                .pack = s8_pack,
                                .run = run};

}  // namespace lowbit
