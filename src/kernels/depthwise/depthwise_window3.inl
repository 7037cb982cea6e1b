// SPDX-License-Identifier: Apache-2.0
// Windows three taps wide whose rows fit one bundle, by far the most frequent ones, need no buffer of
// columns: slide_group(), of depthwise_window3_32_registers.inl or depthwise_window3_16_registers.inl, takes
// them one after the other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_finish.inl"

namespace lowbit::kernels::depthwise {
namespace {

template <unsigned kWidth, unsigned kRows, unsigned kStride, unsigned kUsed>
LOWBIT_NOINLINE void slide(const BlockJob& job_in_memory) {
  const BlockJob job = job_in_memory;  // stores of codes cannot change a copy: its vectors stay in registers
  const std::uint32_t groups = group_count(job);
  const std::int64_t column = -std::int64_t{job.shape->pad_left};
  ColumnSource<kWidth, kUsed> from;
  set_columns(job, column, (job.shape->out_width - 1) * kStride + 3, from);
  for (std::uint32_t group = 0; group < groups; group += kSegments<kWidth>) {
    const Place place = place_of<kWidth>(job, group, groups);
    aim(job, place, 0, column, from);
    slide_group<kWidth, kRows, kStride>(job, place, from);
  }
}

/// Whether slide() can run the window: 3x3 with stride 1 or 2, in practice.
inline bool can_slide(const DepthwiseShape& s, const DepthwisePlan& plan, const Passes& passes) {
  if (s.kernel_width != 3 || s.dilation_width != 1 || passes.bundle_count != 1) return false;
  if (plan.rows == (kSharesRows ? 2 : 1) && s.stride_width == 1) return true;
  return plan.rows == 1 && s.stride_width == 2 && s.kernel_height <= 3;
}

template <unsigned kWidth>
inline void slide_any(const BlockJob& job) {
  constexpr unsigned kRows = kSharesRows ? 2 : 1;
  if (job.shape->stride_width == 1) return slide<kWidth, kRows, 1, kTaps>(job);
  slide<kWidth, 1, 2, 3>(job);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
