// SPDX-License-Identifier: Apache-2.0
// Rows of A gathered from their taps into one string of bits each. The kernel file has set what b1_panel.inl
// wants, and
//   kTileRows    rows that are multiplied together
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/binary/b1_panel.inl"

namespace lowbit::kernels::binary {
namespace {

// Words of a row that are prepared at a time, which bounds the stack; a multiple of kWordStep and of 16.
constexpr std::uint32_t kChunkWords = 1920;

inline void copy_words(std::uint8_t* to, const std::uint8_t* from, std::uint32_t words) {
  // Rows are readable in steps of 4 bytes, and the bits behind the last code are zero: what is copied too
  // much is overwritten by the next tap.
  std::uint32_t w = 0;
  for (; w + 32 <= words; w += 32) __builtin_memcpy(to + w, from + w, 32);
  for (; w + 8 <= words; w += 8) __builtin_memcpy(to + w, from + w, 8);
  for (; w < words; w += 4) __builtin_memcpy(to + w, from + w, 4);
}

/// Words [first, first + words) of row i of A where they lie in several taps; returns how many hold codes.
inline std::uint32_t gather_taps(const TileArgs& args, std::uint32_t i, std::uint32_t first,
                                 std::uint32_t words, std::uint8_t* out) {
  std::uint32_t at = 0, done = 0;  // words passed, words written
  for (std::uint32_t r = 0; r < args.run_count && args.runs[r].group == 0 && done < words; ++r) {
    const KRun& run = args.runs[r];
    const std::uint32_t length = (run.codes + 7) / 8;
    if (first < at + length) {
      const std::uint32_t skip = first > at ? first - at : 0;
      std::uint32_t count = length - skip;
      if (count > words - done) count = words - done;
      const std::uint8_t* a = args.a + args.a_offset[run.tap * args.a_offset_stride + i] + run.offset / 8;
      // Rows are readable in steps of 4 bytes from the start of a tap.
      if (skip % 4 == 0) {
        copy_words(out + done, a + skip, count);
      } else {
        for (std::uint32_t w = 0; w < count; ++w) out[done + w] = a[skip + w];
      }
      done += count;
    }
    at += length;
  }
  return done;
}

/// Words [first, first + words) of row i of A, zeros behind the last code.
inline void gather_row(const TileArgs& args, std::uint32_t i, std::uint32_t first, std::uint32_t words,
                       std::uint8_t* out) {
  std::uint32_t done = (args.runs[0].codes + 7) / 8 - first;
  if (args.run_count == 1 || args.runs[1].group == 1) {  // one tap
    if (done > words) done = words;
    copy_words(out, args.a + args.a_offset[i] + args.runs[0].offset / 8 + first, done);
  } else {
    done = gather_taps(args, i, first, words, out);
  }
  __builtin_memset(out + done, 0, 32);  // less than kWordStep words are missing, or than a vector
}

}  // namespace
}  // namespace lowbit::kernels::binary
