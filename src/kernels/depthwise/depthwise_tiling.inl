// SPDX-License-Identifier: Apache-2.0
// How a depthwise convolution is cut: groups of rows, tiles of pixels, and passes where a window is too
// large for one.
//
// A tile is a few output pixels of one group of rows in each segment. A pass interleaves the columns of some
// bundles under a tile into a buffer on the stack and adds their steps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_columns.inl"
#include "kernels/depthwise/depthwise_multiply_add.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr std::uint32_t kMaxPixels = 32;   // of a tile
constexpr std::uint32_t kMaxSums = 64;     // pixels times rows of a tile
constexpr std::uint32_t kMaxColumns = 96;  // of all bundles of a pass together
constexpr std::uint32_t kMaxBundles = 12;  // of a pass
constexpr std::uint32_t kMaxSpan = 48;     // columns under a window that one pass covers

struct Passes {
  std::uint32_t pixels;               ///< of a tile
  std::uint32_t bundles;              ///< of a pass
  std::uint32_t kernel_width;         ///< taps of a pass: all, or 1 where they lie too far apart
  std::uint32_t span;                 ///< columns under them
  std::uint32_t bundle_count, count;  ///< bundles in all, parts included; passes
};

inline std::uint32_t ceil_div(std::uint32_t a, std::uint32_t b) {
  return (a + b - 1) / b;
}

/// Whether the columns of so many pixels and bundles fit the buffer.
inline bool fits_buffer(const DepthwiseShape& s, std::uint32_t span, std::uint32_t pixels,
                        std::uint32_t bundles) {
  return bundles <= kMaxBundles && pixels - 1 <= kMaxColumns / s.stride_width &&
         (pixels - 1) * s.stride_width + span <= kMaxColumns / bundles;
}

inline Passes passes_of(const DepthwiseShape& s, const DepthwisePlan& plan, std::uint32_t parts) {
  Passes p{};
  const std::uint64_t span = std::uint64_t{s.kernel_width - 1} * s.dilation_width + 1;
  p.kernel_width = span <= kMaxSpan ? s.kernel_width : 1;
  p.span = span <= kMaxSpan ? static_cast<std::uint32_t>(span) : 1;
  p.bundle_count = parts * plan.bundles;
  // Rather few pixels a tile than several passes, but not fewer than 8.
  std::uint32_t pixels = kMaxSums / plan.rows < kMaxPixels ? kMaxSums / plan.rows : kMaxPixels;
  while (pixels > 8 && !fits_buffer(s, p.span, pixels, p.bundle_count)) --pixels;
  while (pixels > 1 && !fits_buffer(s, p.span, pixels, 1)) --pixels;
  p.pixels = ceil_div(s.out_width, ceil_div(s.out_width, pixels));
  p.bundles = p.bundle_count;
  while (p.bundles > 1 && !fits_buffer(s, p.span, p.pixels, p.bundles)) --p.bundles;
  if (p.kernel_width < s.kernel_width) p.bundles = 1;  // so that the weights of a pass are contiguous
  p.count = ceil_div(p.bundle_count, p.bundles) * (s.kernel_width / p.kernel_width);
  return p;
}

/// Everything that does not change within a block of channels.
struct BlockJob {
  const DepthwiseArgs* args;
  const DepthwiseShape* shape;
  DepthwisePlan plan;
  Passes passes;
  Block block;
  const std::byte* weights;
  const BlockTerms* terms;
  Limits limits;
  bool codes;  ///< codes_of() may be used
};

/// Groups of rows that share the vectors, one a segment, and the output pixels [x, x + pixels).
struct Place {
  std::uint32_t segments;
  std::uint32_t row[kMaxSegments];  ///< first output row of each
  std::uint32_t x, pixels;
};

/// First output row of group `index` of the call; a group takes every row_step-th.
inline std::uint32_t group_row(const BlockJob& job, std::uint32_t index) {
  const DepthwisePlan& p = job.plan;
  if (p.row_step == 1) return job.args->first_row + index * p.rows;
  return job.args->first_row + index / p.row_step * p.rows * p.row_step + index % p.row_step;
}

inline std::uint32_t group_count(const BlockJob& job) {
  const std::uint32_t rows = job.args->last_row - job.args->first_row;
  return ceil_div(rows, job.plan.rows * job.plan.row_step) * job.plan.row_step;
}

inline std::uint32_t clamp_column(std::int64_t column, std::uint32_t count) {
  return column < 0 ? 0 : column > count ? count : static_cast<std::uint32_t>(column);
}

/// The groups from `group` on, one a segment.
template <unsigned kWidth>
inline Place place_of(const BlockJob& job, std::uint32_t group, std::uint32_t groups) {
  Place place;
  place.segments = groups - group < kSegments<kWidth> ? groups - group : kSegments<kWidth>;
  for (unsigned g = 0; g < place.segments; ++g) place.row[g] = group_row(job, group + g);
  place.x = 0;
  place.pixels = job.shape->out_width;
  return place;
}

/// `count` columns, from input column `column` on; aim() chooses the rows.
template <unsigned kWidth, unsigned kUsed>
inline void set_columns(const BlockJob& job, std::int64_t column, std::uint32_t count,
                        ColumnSource<kWidth, kUsed>& from) {
  from.zero = job.args->in + job.block.start + job.args->zero_offset;
  from.first = clamp_column(-column, count);
  from.last = clamp_column(std::int64_t{job.shape->in_width} - column, count);
  if (from.last < from.first) from.last = from.first;
  from.readable = (job.block.count + 3) / 4 * 4;
}

/// The rows of a bundle, at the first column that lies inside of the image.
template <unsigned kWidth, unsigned kUsed>
inline LOWBIT_ALWAYS_INLINE void aim(const BlockJob& job, const Place& place, std::uint32_t bundle,
                                     std::int64_t column, ColumnSource<kWidth, kUsed>& from) {
  const DepthwiseShape& s = *job.shape;
  const auto pixel = static_cast<std::ptrdiff_t>(s.in_pixel_bytes);
  const std::ptrdiff_t row = std::ptrdiff_t{s.in_width} * pixel;
  const std::uint8_t* in = job.args->in + ((column + from.first) * pixel + job.block.start);
  const std::uint32_t used = (job.plan.rows - 1) * job.plan.tap_step + s.kernel_height - bundle * kTaps;
#pragma GCC unroll 4
  for (unsigned g = 0; g < kSegments<kWidth>; ++g) {
    const bool valid = g < place.segments;
    std::int64_t y = valid ? std::int64_t{place.row[g]} * s.stride_height - s.pad_top : -1;
    y += std::int64_t{bundle} * kTaps * s.dilation_height;
    std::ptrdiff_t offset = y * row;
#pragma GCC unroll 4
    for (unsigned t = 0; t < kUsed; ++t) {
      const bool inside = static_cast<std::uint64_t>(y) < s.in_height && t < used && valid;
      from.step[t][g] = inside ? pixel : 0;
      from.at[t][g] = inside ? in + offset : from.zero;
      y += s.dilation_height;
      offset += s.dilation_height * row;
    }
  }
}

/// The first pixel of a place in each output row of each segment, at the block's first channel; null: there
/// is no such row.
struct OutPixels {
  std::byte* at[kMaxSegments][kMaxRows];
  std::size_t pixel[kMaxSegments][kMaxRows];  ///< its number in the image
};

template <unsigned kWidth>
inline LOWBIT_ALWAYS_INLINE OutPixels out_pixels(const BlockJob& job, const Place& place) {
  const std::size_t element = job.args->epilogue.out == OutType::u8 ? 1 : 4;
  OutPixels out;
  for (unsigned g = 0; g < kSegments<kWidth>; ++g)
    for (unsigned r = 0; r < job.plan.rows; ++r) {
      const std::uint32_t row = g < place.segments ? place.row[g] + r * job.plan.row_step : ~0u;
      out.pixel[g][r] = std::size_t{row} * job.shape->out_width + place.x;
      const std::size_t offset = out.pixel[g][r] * job.args->out_pixel_bytes + job.block.start * element;
      out.at[g][r] = row < job.args->last_row ? static_cast<std::byte*>(job.args->out) + offset : nullptr;
    }
  return out;
}

/// Where the vectors of codes of one output row go: straight to the pixels of a block of kBytes channels, or
/// to a stage from which scatter_codes() takes the pieces.
struct OutRow {
  std::uint8_t* at;
  std::size_t pixel_bytes;
};

/// Pieces of a vector of codes to the pixels of their segments, in row r.
template <unsigned kWidth>
inline void scatter_codes(const BlockJob& job, const OutPixels& to, unsigned r, std::size_t pixel,
                          const std::uint8_t* staged) {
#pragma GCC unroll 4
  for (unsigned g = 0; g < kSegments<kWidth>; ++g)
    if (to.at[g][r] != nullptr)
      __builtin_memcpy(to.at[g][r] + pixel * job.args->out_pixel_bytes, staged + g * kWidth, kWidth);
}

/// The rows of a group of one segment that is as wide as a vector are written directly; everything else, a
/// row below the image included, goes to the stage.
template <unsigned kWidth, unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void direct_rows(const BlockJob& job, const OutPixels& to,
                                             std::uint8_t (*stage)[kBytes], OutRow* out) {
#pragma GCC unroll 4
  for (unsigned r = 0; r < kRows; ++r) {
    const bool direct = kWidth == kBytes && to.at[0][r] != nullptr;
    out[r].at = direct ? reinterpret_cast<std::uint8_t*>(to.at[0][r]) : stage[r];
    out[r].pixel_bytes = direct ? job.args->out_pixel_bytes : 0;
  }
}

/// The codes of one output pixel.
template <unsigned kWidth, unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void put_codes(const BlockJob& job, const OutPixels& to,
                                           const std::uint8_t (*stage)[kBytes], std::size_t pixel,
                                           const Codes* codes, OutRow* out) {
#pragma GCC unroll 4
  for (unsigned r = 0; r < kRows; ++r) {
    store_codes(out[r].at, codes[r]);
    out[r].at += out[r].pixel_bytes;
    if constexpr (kWidth != kBytes) scatter_codes<kWidth>(job, to, r, pixel, stage[r]);
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
