// SPDX-License-Identifier: Apache-2.0
// The excess list of a panel column by column, for few rows: the product of a row is a gathered dot product
// for each column.
//
//   u32 [kExcessColumns]   vectors of entries up to the end of each column
//   vectors of 8 entries   code in the row | excess << 24; a column's last vector is filled up with zeros
//
// Codes are counted as the panel counts them, every run filled up to a multiple of 4; 65,536 codes in taps of
// one are 2^18 then. An excess is between -128 and 126.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_maddubs/saturating_pairs.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

// Above that, transposing the rows of saturation_list_by_chunk.inl pays.
constexpr unsigned kFewExcessRows = 3;
constexpr unsigned kExcessShift = 24;
constexpr std::uint32_t kExcessCode = (1u << kExcessShift) - 1;

inline std::uint32_t excess_entry(std::uint32_t code, std::int32_t excess) {
  return code | static_cast<std::uint32_t>(excess) << kExcessShift;
}
inline std::int32_t excess_in(std::uint32_t entry) {
  return static_cast<std::int32_t>(entry) >> kExcessShift;
}

/// Where the columns of a list are.
struct ExcessColumns {
  const std::uint32_t *ends, *entries;

  explicit ExcessColumns(const std::byte* list)
      : ends(reinterpret_cast<const std::uint32_t*>(list)), entries(ends + kExcessColumns) {}
  std::uint32_t begin(unsigned column) const { return column == 0 ? 0 : ends[column - 1]; }
};

/// Bytes of a row as `prepare_codes` lays it out, with what a gather of its last code reads.
inline std::size_t codes_row_bytes(const KRun* runs, std::uint32_t run_count) {
  return (step_count(runs, run_count) * kStepCodes + 3 + 63) / 64 * 64;
}

std::size_t prepared_codes_bytes(std::uint32_t rows, const KRun* runs, std::uint32_t run_count) {
  return rows * codes_row_bytes(runs, run_count);
}

/// Rows of A without gaps between their taps, as the panel has them.
void prepare_codes(const TileArgs& args, std::byte* memory) {
  const std::size_t row_bytes = codes_row_bytes(args.runs, args.run_count);
  for (std::uint32_t i = 0; i < args.m; ++i) {
    std::byte* to = memory + i * row_bytes;
    for (std::uint32_t r = 0; r < args.run_count; ++r) {
      const KRun& run = args.runs[r];
      const std::uint32_t bytes = round_to(run.codes, kStepCodes);
      __builtin_memcpy(to, args.a + args.a_offset[run.tap * args.a_offset_stride + i] + run.offset, bytes);
      to += bytes;
    }
  }
}

/// Sums of one row over the entries of each column, `stride` apart. Meanwhile the weights at `ahead`, which
/// come next, are brought into the cache.
inline void excess_of_row(const std::byte* row, const ExcessColumns& list, const std::byte* ahead,
                          std::int32_t* sums, std::size_t stride) {
  const VecI code_mask = broadcast_i(kExcessCode), byte_mask = broadcast_i(0xFF);
  std::uint32_t at = 0;
  for (unsigned c = 0; c < kExcessColumns; ++c, sums += stride) {
    VecI sum = broadcast_i(0);
    for (const std::uint32_t end = list.ends[c]; at < end; ++at) {
      if (ahead != nullptr) {
        fetch_to_l2(ahead + 128 * at);
        fetch_to_l2(ahead + 128 * at + 64);
      }
      const VecI entries = load_bytes(list.entries + 8 * at);
      const VecI codes =
          _mm256_i32gather_epi32(reinterpret_cast<const int*>(row), and_bits(entries, code_mask), 1);
      // The high words are 0 and the sign: their product is 0.
      sum =
          add_i(sum, _mm256_madd_epi16(and_bits(codes, byte_mask), _mm256_srai_epi32(entries, kExcessShift)));
    }
    *sums = sum_lanes(sum);
  }
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
