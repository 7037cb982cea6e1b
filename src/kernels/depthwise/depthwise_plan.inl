// SPDX-License-Identifier: Apache-2.0
// Which output rows a depthwise kernel computes together, and how its panel is laid out. The kernel file has
// set
//   kBytes         codes in a vector: a block of up to so many channels
//   kTaps          input rows that one multiplication takes; they are interleaved code by code (a bundle)
//   kWeightBytes   weights of one bundle for kBytes channels
//   kMinWeight, kMaxWeight    what one weight of a bundle can be
//   kSignFlip      activations are multiplied as code - 128
//   kSharesRows    whether a group may have several output rows: whether unused taps of a bundle are free
//   set_weight(step, term, tap, weight)
//
// A group is `rows` output rows that read the same bundles. A 3x3 window with stride 1 leaves one of four
// input rows unused, so that the next output row may have it: both rows then share their loads and shuffles.
//
//   bundle:   input rows 0 1 2 3          a step is a bundle at one column kx of the window
//   row 0     weights    a b c 0
//   row 1     weights    0 a b c
//
// Weights beyond the range of a bundle are split into parts, which are bundles of the same rows.
//
//   panel:  64 bytes        number of parts
//           block 0         [kSignFlip: 128 * (sum of the weights), int32 for each lane]
//                           step 0: row 0: kWeightBytes | row 1: kWeightBytes | ...
//                           step 1: ...       steps go through kx, then bundles, then parts
//           block 1 ...
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec.inl"
#include "lowbit/kernels/depthwise_kernel.h"

namespace lowbit::kernels::depthwise {
namespace {

constexpr std::uint32_t kMinWidth = 16;  // channels of the narrowest block
constexpr unsigned kMaxRows = 4;         // of a group
constexpr std::size_t kPanelHead = 64;

struct DepthwisePlan {
  std::uint32_t rows;      ///< output rows of a group
  std::uint32_t row_step;  ///< from one to the next, as dilated windows share input rows in classes
  std::uint32_t tap_step;  ///< how many taps further down the next one starts
  std::uint32_t bundles;
};

inline DepthwisePlan plan_of(const DepthwiseShape& s) {
  std::uint32_t divisor = s.stride_height, rest = s.dilation_height;
  while (rest != 0) {
    const std::uint32_t next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  DepthwisePlan plan{kSharesRows ? kMaxRows : 1, s.dilation_height / divisor, s.stride_height / divisor, 0};
  plan.bundles = (s.kernel_height + kTaps - 1) / kTaps;
  while (plan.rows > 1 && (plan.rows - 1) * plan.tap_step + s.kernel_height > plan.bundles * kTaps)
    plan.rows /= 2;
  return plan;
}

/// A block of channels. A narrow one leaves room in a vector for other groups of rows, its segments. The last
/// block of a wide layer reaches back into the one before: computing some channels twice costs less than
/// tails.
struct Block {
  std::uint32_t start, width, count;  ///< count < width in layers of fewer than kMinWidth channels only
};

inline Block block_at(std::uint32_t channels, std::uint32_t begin) {
  std::uint32_t width = kBytes;
  while (width > kMinWidth && (width / 2 >= channels - begin || width > channels)) width /= 2;
  if (width > channels) return {0, width, channels};
  return {begin + width > channels ? channels - width : begin, width, width};
}

inline std::uint32_t channel_of_lane(const Block& block, unsigned lane) {
  const unsigned at = lane % block.width;
  return block.start + (at < block.count ? at : 0);
}

constexpr unsigned kVectors = kBytes / kLanes;  // of sums

/// Where the sum of a lane is found: groups of four lanes go to the vectors of sums in turn, which is how
/// interleaving and packing within 128 bits leave them.
inline unsigned term_of_lane(unsigned lane) {
  return lane / 4 % kVectors * kLanes + lane / 4 / kVectors * 4 + lane % 4;
}

inline std::size_t block_bytes(const DepthwiseShape& s, const DepthwisePlan& plan, std::uint32_t parts) {
  const std::size_t steps = std::size_t{parts} * plan.bundles * s.kernel_width;
  return (kSignFlip ? kBytes * sizeof(std::int32_t) : 0) + steps * plan.rows * kWeightBytes;
}

/// The part of a weight that goes into bundle set `part`: what is left after the parts before it.
inline std::int32_t part_of(std::int32_t weight, std::uint32_t part) {
  std::int32_t piece = 0;
  for (std::uint32_t p = 0; p <= part; ++p) {
    weight -= piece;
    piece = weight < kMinWeight ? kMinWeight : weight > kMaxWeight ? kMaxWeight : weight;
  }
  return piece;
}

inline std::uint32_t parts_of(const DepthwiseShape& s, const std::int16_t* weights) {
  const std::size_t count = std::size_t{s.channels} * s.kernel_height * s.kernel_width;
  std::uint32_t parts = 1;
  for (std::size_t i = 0; i < count; ++i)
    while (part_of(weights[i], parts) != 0) ++parts;
  return parts;
}

std::size_t depthwise_panel_bytes(const DepthwiseShape& s, const std::int16_t* weights) {
  const DepthwisePlan plan = plan_of(s);
  const std::size_t bytes = block_bytes(s, plan, parts_of(s, weights));
  std::size_t total = kPanelHead;
  for (std::uint32_t c = 0; c < s.channels;) {
    const Block block = block_at(s.channels, c);
    c = block.start + block.count;
    total += bytes;
  }
  return total;
}

/// Writes the weights of one channel, which is lane `lane` of its block.
inline void pack_lane(const DepthwiseShape& s, const DepthwisePlan& plan, std::uint32_t parts, unsigned lane,
                      const std::int16_t* w, std::byte* steps) {
  for (std::uint32_t part = 0; part < parts; ++part)
    for (std::uint32_t ky = 0; ky < s.kernel_height; ++ky)
      for (std::uint32_t kx = 0; kx < s.kernel_width; ++kx)
        for (std::uint32_t r = 0; r < plan.rows; ++r) {
          const std::uint32_t tap = r * plan.tap_step + ky;
          const std::size_t step = (part * plan.bundles + tap / kTaps) * s.kernel_width + kx;
          set_weight(steps + (step * plan.rows + r) * kWeightBytes, term_of_lane(lane), tap % kTaps,
                     part_of(w[ky * s.kernel_width + kx], part));
        }
}

void depthwise_pack(const DepthwiseShape& s, const std::int16_t* weights, std::byte* panel) {
  const DepthwisePlan plan = plan_of(s);
  const std::uint32_t taps = s.kernel_height * s.kernel_width, parts = parts_of(s, weights);
  *reinterpret_cast<std::uint32_t*>(panel) = parts;
  std::byte* at = panel + kPanelHead;
  for (std::uint32_t c = 0; c < s.channels; at += block_bytes(s, plan, parts)) {
    const Block block = block_at(s.channels, c);
    c = block.start + block.count;
    for (unsigned lane = 0; lane < kBytes; ++lane) {
      const std::int16_t* w = weights + std::size_t{channel_of_lane(block, lane)} * taps;
      std::byte* steps = at;
      if constexpr (kSignFlip) {
        std::int32_t sum = 0;
        for (std::uint32_t t = 0; t < taps; ++t) sum += w[t];
        reinterpret_cast<std::int32_t*>(at)[term_of_lane(lane)] = 128 * sum;
        steps += kBytes * sizeof(std::int32_t);
      }
      pack_lane(s, plan, parts, lane, w, steps);
    }
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
