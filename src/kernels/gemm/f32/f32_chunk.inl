// SPDX-License-Identifier: Apache-2.0
// Products of many rows with f32 activations: a chunk of K of some columns is decoded to floats that stay in
// the L1 cache while all rows pass by. Sums wait in a buffer from chunk to chunk; the order of the additions
// to each is that of K.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/f32/f32_tile.inl"
namespace lowbit::kernels::f32 {
namespace {

constexpr unsigned kChunkColumns = kTileVecs * kLanes;
// 16 KiB of decoded weights, and a step more, since steps are decoded whole.
constexpr unsigned kChunkCodes = 4096 / kChunkColumns;
constexpr unsigned kChunkRuns = 64;
// Rows whose sums are kept: a multiple of kTileRows. What is decoded is used for each of them.
constexpr unsigned kBlockRows = 144;

/// A piece of a run within a chunk.
struct ChunkRun {
  std::uint32_t tap, offset, codes;
  std::uint32_t at;         // its first line of decoded weights
  const std::byte* scales;  // if it ends a group: of the first column
};

struct Chunk {
  alignas(64) float weights[(kChunkCodes + kStepCodes) * kChunkColumns];
  ChunkRun runs[kChunkRuns];
  unsigned run_count = 0, codes = 0, vecs = 0;  // vecs: of columns that the panel has
};

/// One after the other, for columns from j0 on; `vecs` vectors of them.
template <Kind kKind>
class ChunkReader {
 public:
  ChunkReader(const TileArgs& args, const F32Panel& panel, unsigned j0, unsigned vecs)
      : args_(args), panel_(panel), j0_(j0), vecs_(vecs), p_(panel.first), group_(panel.first) {}

  /// False when there are none left.
  bool next(Chunk& chunk) {
    chunk.run_count = chunk.codes = 0;
    chunk.vecs = vecs_;
    while (run_ < args_.run_count && chunk.run_count < kChunkRuns && chunk.codes < kChunkCodes) {
      const KRun& run = args_.runs[run_];
      const std::uint32_t left = run.codes - done_, room = kChunkCodes - chunk.codes;
      const std::uint32_t count = left <= room ? left : room / kStepCodes * kStepCodes;
      if (count == 0) break;
      if (done_ == 0 && (run_ == 0 || args_.runs[run_ - 1].flush)) {
        group_ = p_;
        p_ += panel_.group_bytes();
      }
      for (std::uint32_t t = 0; t < count; t += kStepCodes, p_ += step_bytes(panel_.h, panel_.width))
        decode_step(chunk.weights + (chunk.codes + t) * kChunkColumns);
      const bool ends = count == left;
      chunk.runs[chunk.run_count++] = {
          run.tap, run.offset + done_, count, chunk.codes,
          ends && run.flush && panel_.grouped ? group_ + j0_ * panel_.h.scale_bytes : nullptr};
      chunk.codes += count;
      done_ = ends ? 0 : done_ + count;
      run_ += ends;
    }
    return chunk.run_count != 0;
  }

 private:
  /// A step of kStepCodes lines.
  void decode_step(float* out) const {
    for (unsigned v = 0; v < vecs_; ++v, out += kLanes) {
      const unsigned j = j0_ + v * kLanes;
      if constexpr (in_registers(kKind)) {
        decode_vector(j, out);
      } else if constexpr (kKind == Kind::planes) {
        decode_planes(j, out);
      } else {
        for (unsigned lane = 0; lane < kLanes; ++lane) look_up(j + lane, out + lane);
      }
    }
  }

  void decode_vector(unsigned j, float* out) const {
    const Decoder<kKind> decoder(panel_.table, j);
    const VecF zero =
        kKind == Kind::zeros ? Decoder<kKind>::zero(panel_.zeros_at(group_, j)) : broadcast_f(0.0f);
    VecI codes = load_codes(p_ + std::size_t{j} * 4);
#pragma GCC unroll 32
    for (unsigned t = 0; t < kStepCodes; ++t) {
      if constexpr (Decoder<kKind>::kWithoutShifts) {
        store_f(out + t * kChunkColumns, decoder.weight_in_place(codes, t));
      } else {
        store_f(out + t * kChunkColumns, decoder.weight(codes, zero));
        codes = next_code(codes);
      }
    }
  }

  /// The sum over planes of + or - their scales, added in order.
  void decode_planes(unsigned j, float* out) const {
    const std::byte* codes = p_ + std::size_t{j} * 4;
    for (std::uint32_t p = 0; p < panel_.h.planes; ++p, codes += std::size_t{panel_.width} * 4) {
      const VecI bits = load_codes(codes);
      const VecF scale = load_f(panel_.table + p * panel_.width + j);
      for (unsigned t = 0; t < kStepCodes; ++t) {
        float* to = out + t * kChunkColumns;
        const VecF signed_scale = negate_where(scale, bits, t);
        store_f(to, p == 0 ? signed_scale : add_f(load_f(to), signed_scale));
      }
    }
  }

  void look_up(unsigned j, float* out) const {
    const float* table = panel_.table + (kKind == Kind::row_table ? std::size_t{j} * kLevels : 0);
    std::uint32_t dword;
    __builtin_memcpy(&dword, p_ + std::size_t{j} * 4, 4);
    for (unsigned t = 0; t < kStepCodes; ++t)
      out[t * kChunkColumns] = table[(dword >> (t * kCodeBits)) & (kLevels - 1)];
  }

  const TileArgs& args_;
  const F32Panel& panel_;
  unsigned j0_, vecs_;
  const std::byte *p_, *group_;
  std::uint32_t run_ = 0, done_ = 0;
};

/// [row][column] of a block of rows.
struct BlockSums {
  alignas(64) float sum[kBlockRows * kChunkColumns];    // of the group that is not finished
  alignas(64) float total[kBlockRows * kChunkColumns];  // of the groups before it; only with several

  BlockSums(unsigned rows, bool grouped) {
    __builtin_memset(sum, 0, rows * kChunkColumns * sizeof(float));
    if (grouped) __builtin_memset(total, 0, rows * kChunkColumns * sizeof(float));
  }
};

/// Row `row` of the block, which is row i0 of the tile, and kRows - 1 more.
template <unsigned kRows>
LOWBIT_NOINLINE void multiply_chunk(const TileArgs& args, const F32Panel& panel, const Chunk& chunk,
                                    unsigned i0, float* sums, float* totals) {
  VecF sum[kRows][kTileVecs];
#pragma GCC unroll 8
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (unsigned v = 0; v < kTileVecs; ++v) sum[i][v] = load_f(sums + (i * kTileVecs + v) * kLanes);
  for (unsigned r = 0; r < chunk.run_count; ++r) {
    const ChunkRun& run = chunk.runs[r];
    const float* a[kRows];
#pragma GCC unroll 8
    for (unsigned i = 0; i < kRows; ++i)
      a[i] = reinterpret_cast<const float*>(args.a + args.a_offset[run.tap * args.a_offset_stride + i0 + i]) +
             run.offset;
    const float* w = chunk.weights + run.at * kChunkColumns;
    for (std::uint32_t t = 0; t < run.codes; ++t, w += kChunkColumns) {
      VecF weight[kTileVecs];
#pragma GCC unroll 8
      for (unsigned v = 0; v < kTileVecs; ++v) weight[v] = load_f(w + v * kLanes);
#pragma GCC unroll 8
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 8
        for (unsigned v = 0; v < kTileVecs; ++v)
          sum[i][v] = fma_f(broadcast_f(a[i][t]), weight[v], sum[i][v]);
    }
    if (run.scales == nullptr) continue;
#pragma GCC unroll 8
    for (unsigned v = 0; v < kTileVecs; ++v) {
      if (v >= chunk.vecs) break;
      const VecF scale = panel.scales_at(run.scales, v * kLanes);
#pragma GCC unroll 8
      for (unsigned i = 0; i < kRows; ++i) {
        float* total = totals + (i * kTileVecs + v) * kLanes;
        store_f(total, fma_f(sum[i][v], scale, load_f(total)));
        sum[i][v] = broadcast_f(0.0f);
      }
    }
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (unsigned v = 0; v < kTileVecs; ++v) store_f(sums + (i * kTileVecs + v) * kLanes, sum[i][v]);
}

template <unsigned kRows>
inline unsigned multiply_rows(const TileArgs& args, const F32Panel& panel, const Chunk& chunk, unsigned first,
                              unsigned row, unsigned rows, BlockSums& sums) {
  for (; row + kRows <= rows; row += kRows)
    multiply_chunk<kRows>(args, panel, chunk, first + row, sums.sum + row * kChunkColumns,
                          sums.total + row * kChunkColumns);
  return row;
}

template <Kind kKind>
void many_rows(const TileArgs& args, const F32Panel& panel) {
  Chunk chunk;
  for (unsigned j = 0; j < panel.width; j += kChunkColumns) {
    const unsigned left = panel.width - j, columns = left < kChunkColumns ? left : kChunkColumns;
    if (columns < kChunkColumns) __builtin_memset(chunk.weights, 0, sizeof(chunk.weights));
    for (unsigned first = 0; first < args.m; first += kBlockRows) {
      const unsigned rows = args.m - first < kBlockRows ? args.m - first : kBlockRows;
      BlockSums sums(rows, panel.grouped);
      ChunkReader<kKind> reader(args, panel, j, columns / kLanes);
      while (reader.next(chunk)) {
        unsigned row = multiply_rows<kTileRows>(args, panel, chunk, first, 0, rows, sums);
        row = multiply_rows<4>(args, panel, chunk, first, row, rows, sums);
        row = multiply_rows<2>(args, panel, chunk, first, row, rows, sums);
        multiply_rows<1>(args, panel, chunk, first, row, rows, sums);
      }
      const unsigned n = args.n - j < columns ? args.n - j : columns;
      epilogue(args, panel.grouped ? sums.total : sums.sum, kChunkColumns, first, rows, j, n);
    }
  }
}

}  // namespace
}  // namespace lowbit::kernels::f32
