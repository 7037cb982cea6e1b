// SPDX-License-Identifier: Apache-2.0
// Walks a depthwise convolution: blocks of channels, groups of rows, tiles of pixels. Read this file first.
//
// Each output channel reads one input channel, so that channels lie across the lanes, and what is loaded for
// one output pixel is used again for its neighbours. The rows of input under a window are interleaved code by
// code, three or four together, a bundle: one multiplication takes that many taps of a channel
// (depthwise_plan.inl, depthwise_columns.inl). Windows three taps wide keep their columns in registers
// (depthwise_window3_32_registers.inl) or add each to all pixels that it lies under
// (depthwise_window3_16_registers.inl); others go through a buffer of columns (depthwise_any_window.inl).
// depthwise_<isa>.cc has the twenty or so functions over which all this is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/depthwise/depthwise_any_window.inl"
#include "kernels/depthwise/depthwise_expand.inl"
#include "kernels/depthwise/depthwise_window3.inl"

namespace lowbit::kernels::depthwise {
namespace {

inline void codes_by_rows(const std::byte* columns, const TileSteps& steps, const BlockJob& job,
                          std::uint32_t count, const OutRow* out) {
  if constexpr (kSharesRows) {
    if (job.plan.rows == 4) return tile_codes<4>(columns, steps, job, count, out);
    if (job.plan.rows == 2) return tile_codes<2>(columns, steps, job, count, out);
  }
  tile_codes<1>(columns, steps, job, count, out);
}

inline void sums_by_rows(const std::byte* columns, const TileSteps& steps, const BlockJob& job,
                         const std::byte* weights, bool first, std::uint32_t count, std::int32_t* sums) {
  const BlockTerms& terms = *job.terms;
  if constexpr (kSharesRows) {
    if (job.plan.rows == 4) return tile_sums<4>(columns, steps, terms, weights, first, count, sums);
    if (job.plan.rows == 2) return tile_sums<2>(columns, steps, terms, weights, first, count, sums);
  }
  tile_sums<1>(columns, steps, terms, weights, first, count, sums);
}

/// A tile of one pass whose sums become codes without leaving the registers.
template <unsigned kWidth>
void tile_of_codes(const BlockJob& job, const Place& place, std::byte* buffer) {
  TileSteps steps;
  begin_pass<kWidth>(job, place, 0, buffer, steps);
  const OutPixels to = out_pixels<kWidth>(job, place);
  alignas(64) std::uint8_t stage[kMaxSums * kBytes];
  OutRow out[kMaxRows];
  for (unsigned r = 0; r < job.plan.rows; ++r) {
    out[r] = {stage + r * place.pixels * kBytes, kBytes};
    if (kWidth == kBytes && to.at[0][r] != nullptr)
      out[r] = {reinterpret_cast<std::uint8_t*>(to.at[0][r]), job.args->out_pixel_bytes};
  }
  codes_by_rows(buffer, steps, job, place.pixels, out);
  if constexpr (kWidth != kBytes)
    for (unsigned r = 0; r < job.plan.rows; ++r)
      for (std::uint32_t x = 0; x < place.pixels; ++x)
        scatter_codes<kWidth>(job, to, r, x, stage + (r * place.pixels + x) * kBytes);
}

/// A tile of any number of passes and any output.
template <unsigned kWidth>
void tile_of_sums(const BlockJob& job, const Place& place, std::byte* buffer) {
  alignas(64) std::int32_t sums[kMaxSums * kBytes];
  for (std::uint32_t i = 0; i < job.passes.count; ++i) {
    TileSteps steps;
    const std::byte* weights = begin_pass<kWidth>(job, place, i, buffer, steps);
    sums_by_rows(buffer, steps, job, weights, i == 0, place.pixels, sums);
  }
  finish_tile<kWidth>(job, place, sums);
}

template <unsigned kWidth>
void run_block(const BlockJob& job) {
  // Layers of fewer than kMinWidth channels are rare: one path for everything has to do.
  const bool codes = kWidth != 0 && job.codes;
  if constexpr (kWidth != 0) {
    if (codes && can_slide(*job.shape, job.plan, job.passes)) return slide_any<kWidth>(job);
  }
  alignas(64) std::byte buffer[kMaxColumns * kColumnBytes];
  const std::uint32_t groups = group_count(job), width = job.shape->out_width;
  for (std::uint32_t group = 0; group < groups; group += kSegments<kWidth>) {
    Place place = place_of<kWidth>(job, group, groups);
    for (; place.x < width; place.x += job.passes.pixels) {
      const std::uint32_t left = width - place.x;
      place.pixels = left < job.passes.pixels ? left : job.passes.pixels;
      if constexpr (kWidth != 0) {
        if (codes) {
          tile_of_codes<kWidth>(job, place, buffer);
          continue;
        }
      }
      tile_of_sums<kWidth>(job, place, buffer);
    }
  }
}

inline void run_block_of_width(const BlockJob& job) {
  const Block& block = job.block;
  if (block.count < block.width) return run_block<0>(job);
  if (block.width == kBytes) return run_block<kBytes>(job);
  if constexpr (kBytes > 2 * kMinWidth) {
    if (block.width == 2 * kMinWidth) return run_block<2 * kMinWidth>(job);
  }
  if constexpr (kBytes > kMinWidth) run_block<kMinWidth>(job);
}

void depthwise_run(const DepthwiseArgs& args) {
  const DepthwiseShape& s = *args.shape;
  const Epilogue& e = args.epilogue;
  std::uint32_t parts;
  __builtin_memcpy(&parts, args.panel, sizeof parts);
  BlockTerms terms;
  BlockJob job;
  job.args = &args;
  job.shape = &s;
  job.plan = plan_of(s);
  job.passes = passes_of(s, job.plan, parts);
  job.terms = &terms;
  job.limits = limits_of(e.zero_point, code_of_limit(e, e.lo), code_of_limit(e, e.hi));
  const bool plain = e.out == OutType::u8 && !e.residual && !e.row_scale && job.passes.count == 1;
  const std::byte* panel = args.panel + kPanelHead;
  for (std::uint32_t c = 0; c < s.channels; panel += block_bytes(s, job.plan, parts)) {
    job.block = block_at(s.channels, c);
    c = job.block.start + job.block.count;
    job.weights = panel + (kSignFlip ? kBytes * sizeof(std::int32_t) : 0);
    const bool fits = set_terms(e, job.block, reinterpret_cast<const std::int32_t*>(panel), terms);
    job.codes = plain && fits;
    run_block_of_width(job);
  }
}

constexpr DepthwiseKernel depthwise_kernel(const char* name, Isa required, std::uint16_t row_step) {
  return {.name = name,
          .required = required,
          .row_step = row_step,
          .panel_bytes = depthwise_panel_bytes,
          .pack = depthwise_pack,
          .run = depthwise_run,
          .expand = depthwise_expand};
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
