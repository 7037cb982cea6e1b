// SPDX-License-Identifier: Apache-2.0
// GroupWriter::write_row: the codes of all groups of a row at once, where what was fitted is known for all.
// Groups are short; a call for each of them would take longer than its arithmetic.
#pragma once

#include <algorithm>
#include <concepts>

#include "lowbit/quant/detail/group_codes.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/quantized_matrix.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace group_rows {

inline void scale_values(const float* x, std::size_t count, float inverse_scale, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = x[i] * inverse_scale;
}

}  // namespace group_rows

LOWBIT_INLINE void GroupWriter::write_row(const RangeFits& fits, std::int64_t row,
                                          std::span<const float> values, std::uint8_t* out) {
  start(row, 0);
  scaled_.resize(values.size());
  std::visit(
      [&](const auto& of_type) {
        if (of_type.size() == 1) {
          check_fit(of_type.front(), q_.bits);
          put(of_type.front(), values, out);
        } else {
          put_row(of_type, values, out);
        }
      },
      fits);
}

// Loops over all groups that do one thing each: short, and most of them vector code.
LOWBIT_INLINE void GroupWriter::put_row(std::span<const ScaleGroup> fits, std::span<const float> values,
                                        std::uint8_t* out) {
  const std::span<float> scales = std::span(q_.scales).subspan(entry_, fits.size());
  store_scales(fits, scales);
  if (ranges_)
    for (const float s : scales) ranges_->push_back({shared_levels_.min * s, shared_levels_.max * s});
  scale_row(scales, values);
  assign(scaled_.data(), scaled_.size(), 1.0f, out);
}

template <class Group>
void GroupWriter::store_scales(std::span<const Group> fits, std::span<float> scales) const {
  if constexpr (std::same_as<Group, ScaleGroup>) {
    for (const Group& g : fits)
      if (!is_scale(g.scale)) check_fit(g, q_.bits);
  } else {
    for (const Group& g : fits) check_fit(g, q_.bits);
  }
  const bool rounded = rounds_scales();
  for (std::size_t i = 0; i < fits.size(); ++i) scales[i] = rounded ? to_half(fits[i].scale) : fits[i].scale;
}

LOWBIT_INLINE void GroupWriter::scale_row(std::span<const float> scales, std::span<const float> values) {
  using namespace group_rows;
  inverse_scales_.resize(scales.size());
  for (std::size_t i = 0; i < scales.size(); ++i) inverse_scales_[i] = 1.0f / scales[i];
  const std::size_t size = q_.granularity.group_size;
  for (std::size_t begin = 0; const float inverse : inverse_scales_) {
    scale_values(values.data() + begin, std::min(size, values.size() - begin), inverse,
                 scaled_.data() + begin);
    begin += size;
  }
}

// Codes that differ between groups in scale and zero point only.
LOWBIT_INLINE bool GroupWriter::alike(std::span<const AffineGroup> fits) {
  const AffineGroup& first = fits.front();
  bool same = true;
  for (const AffineGroup& g : fits)
    same &= (g.qmin == first.qmin) & (g.qmax == first.qmax) & (g.offset == 0.0f) &
            (g.rounding == Rounding::half_to_even);
  return same;
}

LOWBIT_INLINE void GroupWriter::put_row(std::span<const AffineGroup> fits, std::span<const float> values,
                                        std::uint8_t* out) {
  const std::size_t size = q_.granularity.group_size;
  if (!alike(fits)) {
    for (std::size_t begin = 0; const AffineGroup& g : fits) {
      check_fit(g, q_.bits);
      const std::size_t count = std::min(size, values.size() - begin);
      put(g, values.subspan(begin, count), out + begin);
      begin += count;
      place_ += count;
      ++entry_;
    }
    return;
  }
  const std::span<float> scales = std::span(q_.scales).subspan(entry_, fits.size());
  store_scales(fits, scales);
  scale_row(scales, values);
  const AffineCodes first = affine_codes(fits.front());
  bool one_zero = true;
  for (const AffineGroup& g : fits) one_zero &= g.zero_point == fits.front().zero_point;
  if (!one_zero) zero_points_.resize(values.size());
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const std::int32_t zero = first.zero + fits[i].zero_point - fits.front().zero_point;
    const auto begin = static_cast<std::ptrdiff_t>(i * size);
    if (!one_zero)
      std::fill(zero_points_.begin() + begin,
                zero_points_.begin() + std::min(begin + static_cast<std::ptrdiff_t>(size),
                                                static_cast<std::ptrdiff_t>(values.size())),
                zero);
    store_zero(zero);
    if (ranges_) ranges_->push_back(affine_codes(fits[i]).range());
    ++entry_;
  }
  const kernels::QuantizeParams params{.inverse_scale = 1.0f,
                                       .lo = first.map.range.lo,
                                       .hi = first.map.range.hi,
                                       .zero_point = first.zero,
                                       .type = code_type(),
                                       .zero_points = one_zero ? nullptr : zero_points_.data()};
  kernels::elementwise().quantize(scaled_.data(), scaled_.size(), params, out, nullptr);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
