// SPDX-License-Identifier: Apache-2.0
// Windows of any size: the columns of a tile are interleaved into a buffer, from which every output pixel
// takes its steps. The kernel file has defined
//   store_column(p, column), load_taps(p)   kColumnBytes bytes, of which each tap vector has kTapBytes
//
//   buffer:  bundle 0: column 0, column 1, ...  | bundle 1: column 0, ...
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_finish.inl"

namespace lowbit::kernels::depthwise {
namespace {

/// The steps of a tile, as byte offsets into the columns of its first pixel.
struct TileSteps {
  std::uint32_t offset[kMaxColumns];
  std::uint32_t count;
  std::size_t pixel_bytes;  ///< from the columns of one output pixel to those of the next
};

template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void add_steps(VecI (&acc)[kRows][kUnit], const std::byte* columns,
                                           const TileSteps& steps, const std::byte* weights, unsigned unit) {
  for (std::uint32_t k = 0; k < steps.count; ++k)
    add_step<kRows>(acc, load_taps(columns + steps.offset[k] + unit * kTapBytes),
                    weights + k * kRows * kWeightBytes, unit);
}

/// Codes of `count` pixels of every row of the group.
template <unsigned kRows>
void tile_codes(const std::byte* columns, const TileSteps& steps, const BlockJob& job_in_memory,
                std::uint32_t count, const OutRow* out) {
  const BlockJob job = job_in_memory;  // stores of codes cannot change a copy: its vectors stay in registers
  const std::size_t pixel_bytes = steps.pixel_bytes;
  OutRow rows[kRows];
  for (unsigned r = 0; r < kRows; ++r) rows[r] = out[r];
  for (std::uint32_t x = 0; x < count; ++x, columns += pixel_bytes) {
    Codes codes[kRows];
    codes_of<kRows>(
        *job.terms, job.limits,
        [&](VecI(&acc)[kRows][kUnit], unsigned unit)
            LOWBIT_ALWAYS_INLINE { add_steps<kRows>(acc, columns, steps, job.weights, unit); },
        codes);
#pragma GCC unroll 4
    for (unsigned r = 0; r < kRows; ++r) {
      store_codes(rows[r].at, codes[r]);
      rows[r].at += rows[r].pixel_bytes;
    }
  }
}

/// The sums of `count` pixels, to sums[pixel][row][kBytes]; `first`: they start at the constants.
template <unsigned kRows>
void tile_sums(const std::byte* columns, const TileSteps& steps, const BlockTerms& terms,
               const std::byte* weights, bool first, std::uint32_t count, std::int32_t* sums) {
  for (std::uint32_t x = 0; x < count; ++x, columns += steps.pixel_bytes, sums += kRows * kBytes) {
#pragma GCC unroll 4
    for (unsigned v = 0; v < kVectors; v += kUnit) {
      VecI acc[kRows][kUnit];
#pragma GCC unroll 16
      for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (unsigned i = 0; i < kUnit; ++i)
          acc[r][i] = load_i((first ? terms.constant : sums + r * kBytes) + (v + i) * kLanes);
      add_steps<kRows>(acc, columns, steps, weights, v / kUnit);
#pragma GCC unroll 16
      for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (unsigned i = 0; i < kUnit; ++i) store_i(sums + r * kBytes + (v + i) * kLanes, acc[r][i]);
    }
  }
}

/// Interleaves the columns of bundle `bundle` under `pixels` pixels into the buffer.
template <unsigned kWidth>
inline void fill_columns(const BlockJob& job, const Place& place, std::uint32_t bundle, std::int64_t column,
                         std::byte* buffer) {
  const std::uint32_t stride = job.shape->stride_width, span = job.passes.span;
  const std::uint32_t count = (place.pixels - 1) * stride + span;
  ColumnSource<kWidth> from;
  set_columns(job, column, count, from);
  aim(job, place, bundle, column, from);
  for (std::uint32_t x = 0; x < count;) {
    const std::uint32_t used = span < stride ? span : count;
    for (std::uint32_t end = x + used; x < end; ++x)
      store_column(buffer + x * kColumnBytes, next_column(from, x));
    if (x >= count) break;
    skip_columns(from, x, stride - span);
    x += stride - span;
  }
}

/// Fills the buffer for pass `index` and lists its steps; returns its weights.
template <unsigned kWidth>
const std::byte* begin_pass(const BlockJob& job, const Place& place, std::uint32_t index, std::byte* buffer,
                            TileSteps& steps) {
  const DepthwiseShape& s = *job.shape;
  const Passes& p = job.passes;
  const std::uint32_t chunks = s.kernel_width / p.kernel_width;
  const std::uint32_t first = index / chunks * p.bundles, kx = index % chunks;
  const std::uint32_t bundles = p.bundle_count - first < p.bundles ? p.bundle_count - first : p.bundles;
  const std::uint32_t columns = (place.pixels - 1) * s.stride_width + p.span;
  const std::int64_t column =
      std::int64_t{place.x} * s.stride_width - s.pad_left + std::int64_t{kx} * s.dilation_width;
  steps.count = 0;
  steps.pixel_bytes = s.stride_width * kColumnBytes;
  for (std::uint32_t b = 0; b < bundles; ++b) {
    fill_columns<kWidth>(job, place, (first + b) % job.plan.bundles, column,
                         buffer + b * columns * kColumnBytes);
    for (std::uint32_t k = 0; k < p.kernel_width; ++k)
      steps.offset[steps.count++] =
          static_cast<std::uint32_t>((b * columns + k * s.dilation_width) * kColumnBytes);
  }
  return job.weights + (std::size_t{first} * s.kernel_width + kx) * job.plan.rows * kWeightBytes;
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
