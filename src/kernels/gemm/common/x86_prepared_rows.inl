// SPDX-License-Identifier: Apache-2.0
// Rows of A as the kernels of few rows want them, laid out once for all panels: the signed side of the
// products, codes of weights being the unsigned one. With a' = a - 128, q the unsigned code, z the code of
// weight 0 and r the row's zero point
//
//   sum (a - r) * (q - z)  =  sum a' * q  -  z * sum a'  -  (r - 128) * sum (q - z)
//
// where the last sum is one more row of activations, all 1, and only needed when r is not 128 (grouped
// products; of others the epilogue takes care).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_chunk.inl"

namespace lowbit::kernels {
namespace {

/// What `prepare` lays out: this header; codes s8 [row][steps * kStepCodes], zero behind the end of a run;
/// their sums s32 [row][groups]. One row more, of ones, if there are groups.
struct alignas(64) PreparedHeader {
  std::size_t row_bytes, sums;  // sums: bytes from the header
  std::uint32_t groups;

  PreparedHeader(std::uint32_t rows, const KRun* runs, std::uint32_t run_count)
      : row_bytes(step_count(runs, run_count) * kStepCodes), groups(runs[run_count - 1].group + 1) {
    // Rows a power of two apart would fall into the same set of the L1 cache.
    row_bytes = (row_bytes + 63) / 64 * 64 + 64;
    sums = sizeof *this + (rows + (groups > 1)) * row_bytes;
  }
};

std::size_t prepared_rows_bytes(std::uint32_t rows, const KRun* runs, std::uint32_t run_count) {
  const PreparedHeader h(rows, runs, run_count);
  return h.sums + (rows + std::size_t{1}) * h.groups * sizeof(std::int32_t);
}

/// Copies `count` codes with their sign bits flipped; returns the sum of what it wrote.
inline std::int32_t flip_codes(const std::uint8_t* in, std::uint32_t count, std::uint8_t* out) {
  std::int32_t sum = 0;
  for (std::uint32_t t = 0; t < count; ++t) {
    out[t] = in[t] ^ 0x80;
    sum += in[t];
  }
  return sum - 128 * static_cast<std::int32_t>(count);
}

void prepare_rows(const TileArgs& args, std::byte* memory) {
  const PreparedHeader layout(args.m, args.runs, args.run_count);
  __builtin_memcpy(memory, &layout, sizeof layout);
  auto* codes = reinterpret_cast<std::uint8_t*>(memory + sizeof layout);
  auto* sums = reinterpret_cast<std::int32_t*>(memory + layout.sums);
  const bool ones = layout.groups > 1;
  __builtin_memset(codes, 0, (args.m + ones) * layout.row_bytes);
  __builtin_memset(sums, 0, (args.m + ones) * layout.groups * sizeof *sums);
  std::size_t at = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    for (std::uint32_t i = 0; i < args.m; ++i) {
      const std::uint8_t* a = args.a + args.a_offset[run.tap * args.a_offset_stride + i] + run.offset;
      sums[i * layout.groups + run.group] += flip_codes(a, run.codes, codes + i * layout.row_bytes + at);
    }
    if (ones) {
      __builtin_memset(codes + args.m * layout.row_bytes + at, 1, run.codes);
      sums[args.m * layout.groups + run.group] += static_cast<std::int32_t>(run.codes);
    }
    at += round_to(run.codes, kStepCodes);
  }
}

/// Where the next step of a block reads the rows of A: neighbours, and the row of ones.
struct FewCursor {
  const std::uint8_t *a, *ones;
  const std::int32_t *sums, *ones_sums;
  std::size_t row_bytes;
  std::uint32_t groups;

  /// Row i0 of a tile of `m` at `prepared`, and the next ones.
  FewCursor(const std::byte* prepared, std::uint32_t m, std::uint32_t i0) {
    const auto& h = *reinterpret_cast<const PreparedHeader*>(prepared);
    const auto* codes = reinterpret_cast<const std::uint8_t*>(prepared + sizeof h);
    const auto* all_sums = reinterpret_cast<const std::int32_t*>(prepared + h.sums);
    row_bytes = h.row_bytes;
    groups = h.groups;
    a = codes + i0 * row_bytes;
    ones = codes + m * row_bytes;
    sums = all_sums + i0 * groups;
    ones_sums = all_sums + m * groups;
  }
};

/// The row of ones is needed where the row zeros of a grouped product are not 128.
inline bool needs_ones(const TileArgs& args) {
  if (args.epilogue.row_a == nullptr) return true;
  for (std::uint32_t i = 0; i < args.m; ++i)
    if (args.epilogue.row_a[i] != 128) return true;
  return false;
}

}  // namespace
}  // namespace lowbit::kernels
