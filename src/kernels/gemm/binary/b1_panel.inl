// SPDX-License-Identifier: Apache-2.0
// The panel of the b1b1 kernels: columns lie across byte lanes, 8 codes of K in each. The kernel file has
// set
//   kVecBytes    bytes of a vector: the columns of a block
//   kWordStep    words of a row are padded with zeros to a multiple of this
//   kPairs       whether every second word is stored as its exclusive or with the one before it
//
//   header: f32 [planes][width], the scale of a plane and column; only with several planes
//   block 0 (columns 0 .. kVecBytes-1):
//     plane 0:  word 0:  | byte of column 0 | byte of column q | ...   kVecBytes bytes
//               word 1:  ...
//               words of zeros up to a multiple of kWordStep
//     plane 1:  ...
//   block 1:  ...
//
// A word is 8 codes of a tap, the last word of a tap padded with zeros. The order of the columns lets masks
// and shifts spread bytes to dwords: column (kVecBytes / 4) * q + d of a block is in byte 4 * d + q.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/weight_codes.inl"

namespace lowbit::kernels::binary {
namespace {

constexpr std::uint32_t kDwords = kVecBytes / 4;

inline std::uint32_t panel_planes(const KRun* runs, std::uint32_t run_count) {
  return runs[run_count - 1].group + 1;
}

inline std::uint32_t panel_blocks(std::uint32_t n) {
  return (n + kVecBytes - 1) / kVecBytes;
}

/// Words of a row of one plane: those that hold codes, and with the padding.
inline std::uint32_t code_words(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t words = 0;
  for (std::uint32_t r = 0; r < run_count && runs[r].group == 0; ++r) words += (runs[r].codes + 7) / 8;
  return words;
}

inline std::uint32_t padded_words(std::uint32_t words) {
  return (words + kWordStep - 1) / kWordStep * kWordStep;
}

inline std::size_t header_bytes(std::uint32_t n, std::uint32_t planes) {
  return planes > 1 ? std::size_t{planes} * panel_blocks(n) * kVecBytes * sizeof(float) : 0;
}

bool b1_supports(const WeightSpec& spec) {
  return spec.format == WeightFormat::b1 && spec.act == ActType::b1;
}

std::size_t b1_panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                           std::uint32_t run_count) {
  const std::uint32_t planes = panel_planes(runs, run_count);
  const std::size_t words = padded_words(code_words(runs, run_count));
  return header_bytes(n, planes) + words * planes * panel_blocks(n) * kVecBytes;
}

/// Copies `codes` codes of a stored row from bit `start` on into every kVecBytes-th byte.
inline void pack_run(const std::uint8_t* row, std::uint32_t start, std::uint32_t codes, std::uint8_t* out) {
  const std::uint32_t shift = start % 8;
  for (std::uint32_t t = 0; t < codes; t += 8, out += kVecBytes) {
    const std::uint8_t* p = row + (start + t) / 8;
    const std::uint32_t left = codes - t < 8 ? codes - t : 8;
    std::uint32_t bits = *p;
    if (shift + left > 8) bits |= std::uint32_t{p[1]} << 8;
    *out = static_cast<std::uint8_t>((bits >> shift) & (0xFFu >> (8 - left)));
  }
}

inline void pair_words(std::uint8_t* block, std::uint32_t words) {
  for (std::uint32_t w = 0; w + 2 <= words; w += 2) {
    const std::uint8_t* even = block + std::size_t{w} * kVecBytes;
    std::uint8_t* odd = block + std::size_t{w + 1} * kVecBytes;
    for (std::uint32_t i = 0; i < kVecBytes; ++i) odd[i] = static_cast<std::uint8_t>(odd[i] ^ even[i]);
  }
}

void b1_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
             std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::uint32_t planes = panel_planes(runs, run_count), blocks = panel_blocks(n);
  const std::uint32_t words = padded_words(code_words(runs, run_count));
  auto* scales = reinterpret_cast<float*>(panel);
  for (std::uint32_t p = 0; planes > 1 && p < planes; ++p)
    for (std::uint32_t j = 0; j < n; ++j)
      scales[p * blocks * kVecBytes + j] = spec.scales[std::size_t{n0 + j} * planes + p];
  auto* first = reinterpret_cast<std::uint8_t*>(panel) + header_bytes(n, planes);
  const std::size_t plane_bytes = std::size_t{words} * kVecBytes;
  for (std::uint32_t j = 0; j < n; ++j) {
    const std::uint32_t lane = j % kVecBytes;
    std::uint8_t* out = first + j / kVecBytes * planes * plane_bytes + lane % kDwords * 4 + lane / kDwords;
    for (std::uint32_t r = 0, p = 0; r < run_count; ++r) {
      if (runs[r].group != p) out += plane_bytes - std::size_t{code_words(runs, run_count)} * kVecBytes;
      p = runs[r].group;
      pack_run(spec.codes + (std::size_t{n0 + j} * planes + p) * spec.row_bytes, run_start(spec, runs[r]),
               runs[r].codes, out);
      out += std::size_t{(runs[r].codes + 7) / 8} * kVecBytes;
    }
  }
  if constexpr (kPairs) {
    for (std::uint32_t b = 0; b < blocks * planes; ++b) pair_words(first + b * plane_bytes, words);
  }
}

}  // namespace
}  // namespace lowbit::kernels::binary
