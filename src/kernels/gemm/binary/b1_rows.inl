// SPDX-License-Identifier: Apache-2.0
// The engine of sign bits times sign bits on x86. Read this file first.
//
// Of two strings of k signs, the sum of products is k - 2 * popcount(a xor w). Columns lie across byte lanes
// (b1_panel.inl), so that counts of 64 columns meet the epilogue without a sum across lanes. Rows of A are
// gathered from their taps into one string each (b1_gather.inl), prepared for the inner loop, and multiplied
// block of columns by block of columns. How mismatches are counted is the inner loop's: carry-save adders on
// AVX-512 (b1_carry_save.inl), table lookups of two rows at once on AVX2 (b1_lookup.inl).
//
// The kernel file has defined
//   struct Prepared     kTileRows rows as the inner loop wants them
//   prepare(args, i0, rows, first, words, Prepared&)
//   subtract_mismatches(Prepared, rows, block, words, acc)
//       acc[i][column] -= 2 * (places where row i and the column differ); words: at most kChunkWords
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/binary/b1_gather.inl"
#include "kernels/gemm/common/epilogue.inl"

namespace lowbit::kernels::binary {
namespace {

/// What a tile knows of its panel.
struct B1Panel {
  std::uint32_t planes, blocks, codes, words;  // codes and padded words of a row of one plane
  const float* scales;
  const std::uint8_t* first;

  explicit B1Panel(const TileArgs& args) {
    planes = panel_planes(args.runs, args.run_count);
    blocks = panel_blocks(args.n);
    words = padded_words(code_words(args.runs, args.run_count));
    codes = 0;
    for (std::uint32_t r = 0; r < args.run_count && args.runs[r].group == 0; ++r) codes += args.runs[r].codes;
    scales = reinterpret_cast<const float*>(args.panel);
    first = reinterpret_cast<const std::uint8_t*>(args.panel) + header_bytes(args.n, planes);
  }
  const std::uint8_t* block(std::uint32_t b, std::uint32_t p) const {
    return first + (std::size_t{b} * planes + p) * words * kVecBytes;
  }
};

/// The gathered and prepared chunk of a group of rows; most rows have one only.
class RowChunks {
 public:
  RowChunks(const TileArgs& args, std::uint32_t i0, std::uint32_t rows, std::uint32_t words)
      : args_(args), i0_(i0), rows_(rows), words_(words) {}

  const Prepared& at(std::uint32_t first, std::uint32_t count) {
    if (first != first_) prepare(args_, i0_, rows_, first, count, prepared_);
    first_ = first;
    return prepared_;
  }
  std::uint32_t rows() const { return rows_; }
  std::uint32_t words() const { return words_; }

 private:
  const TileArgs& args_;
  std::uint32_t i0_, rows_, words_, first_ = 0xFFFFFFFF;
  Prepared prepared_;
};

inline void dot_block(RowChunks& chunks, const std::uint8_t* block, std::uint32_t codes, std::int32_t* acc) {
  const VecI all = broadcast_i(static_cast<std::int32_t>(codes));
  for (std::uint32_t t = 0; t < chunks.rows() * kVecBytes; t += kLanes) store_i(acc + t, all);
  for (std::uint32_t w = 0; w < chunks.words(); w += kChunkWords) {
    const std::uint32_t left = chunks.words() - w, count = left < kChunkWords ? left : kChunkWords;
    subtract_mismatches(chunks.at(w, count), chunks.rows(), block + std::size_t{w} * kVecBytes, count, acc);
  }
}

/// sum[t] = fma(float(acc[t]), scale of the column, sum[t])
inline void add_plane(const std::int32_t* acc, std::uint32_t rows, const float* scales, float* sum) {
  for (std::uint32_t t = 0; t < rows * kVecBytes; t += kLanes)
    store_f(sum + t, fma_f(to_float(load_i(acc + t)), load_f(scales + t % kVecBytes), load_f(sum + t)));
}

inline void b1_tile(const TileArgs& args, const B1Panel& panel, std::uint32_t i0, std::uint32_t rows) {
  RowChunks chunks(args, i0, rows, panel.words);
  alignas(64) std::int32_t acc[kTileRows * kVecBytes];
  alignas(64) float sum[kTileRows * kVecBytes];
  for (std::uint32_t b = 0; b < panel.blocks; ++b) {
    const std::uint32_t j = b * kVecBytes, left = args.n - j, n = left < kVecBytes ? left : kVecBytes;
    if (panel.planes == 1) {
      dot_block(chunks, panel.block(b, 0), panel.codes, acc);
      epilogue(args, acc, kVecBytes, i0, rows, j, n);
      continue;
    }
    for (std::uint32_t t = 0; t < rows * kVecBytes; t += kLanes) store_f(sum + t, broadcast_f(0.0f));
    for (std::uint32_t p = 0; p < panel.planes; ++p) {
      dot_block(chunks, panel.block(b, p), panel.codes, acc);
      add_plane(acc, rows, panel.scales + (std::size_t{p} * panel.blocks + b) * kVecBytes, sum);
    }
    epilogue(args, sum, kVecBytes, i0, rows, j, n);
  }
}

void b1_run(const TileArgs& args) {
  const B1Panel panel(args);
  for (std::uint32_t i = 0; i < args.m; i += kTileRows)
    b1_tile(args, panel, i, args.m - i < kTileRows ? args.m - i : kTileRows);
}

constexpr GemmKernel b1_kernel(const char* name, Isa required) {
  return {.name = name,
          .format = WeightFormat::b1,
          .act = ActType::b1,
          .required = required,
          .reference = false,
          .nr = 256,
          .n_step = kVecBytes,
          .kr = 8,
          .m_step = kTileRows,
          .supports = b1_supports,
          .panel_bytes = b1_panel_bytes,
          .pack = b1_pack,
          .run = b1_run};
}

}  // namespace
}  // namespace lowbit::kernels::binary
