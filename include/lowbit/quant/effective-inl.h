// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/level_rounding.h"
#include "lowbit/quant/detail/matrix_rows.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/effective.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::effective {

[[noreturn]] inline void not_built(const std::string& what) {
  detail::throw_error(ErrorCode::not_built, what);
}

inline std::int32_t zero_of(const QuantizedMatrix& q, std::size_t entry) {
  return q.zero_points.empty() ? detail::storage_of(q.format).middle : q.zero_points[entry];
}

// q without codes: the same sizes in another format.
inline QuantizedMatrix like(const QuantizedMatrix& q, WeightFormat format, int bits) {
  QuantizedMatrix out;
  out.rows = q.rows;
  out.cols = q.cols;
  out.format = format;
  out.bits = bits;
  out.granularity = q.granularity;
  return out;
}

// Every code of `from`, changed by f, into `to`.
template <class F>
void rewrite(const QuantizedMatrix& from, QuantizedMatrix& to, const F& f) {
  std::vector<std::uint8_t> row(static_cast<std::size_t>(from.cols));
  for (std::int64_t r = 0; r < from.rows; ++r) {
    for (std::int64_t c = 0; c < from.cols; ++c)
      row[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(f(from.code(r, c)));
    detail::append_row(to, row);
  }
}

}  // namespace detail::effective

LOWBIT_INLINE EffectiveWeights::EffectiveWeights(const QuantizedMatrix& q, kernels::ActType act)
    : source_(&q), act_(act) {
  using namespace detail::effective;
  if (act == kernels::ActType::b1) {
    if (q.format != WeightFormat::b1)
      not_built("weights that are no sign bits do not run with sign activations");
    return;
  }
  const bool integer = act == kernels::ActType::u8;
  if (integer && !q.offsets.empty())
    not_built("weights with real offsets do not run with 8-bit activations, only with float ones");
  switch (q.format) {
    case WeightFormat::lut4:
      if (integer) round_levels();
      return;
    case WeightFormat::lut8:
      if (integer) levels_to_s8();
      return;
    case WeightFormat::b1:
      if (integer && q.bits == 1) signs_to_s2();
      return;
    case WeightFormat::s8:
    case WeightFormat::u4:
    case WeightFormat::s2:
      if (!q.offsets.empty()) codes_to_levels();
  }
}

LOWBIT_INLINE void EffectiveWeights::round_levels() {
  const std::size_t table = source_->table_size();
  for (std::size_t i = 0; i < source_->levels.size(); i += table) {
    const detail::IntegerLevels rounded = detail::round_levels(std::span(source_->levels).subspan(i, table));
    levels_.insert(levels_.end(), rounded.integer.begin(), rounded.integer.end());
    units_.push_back(rounded.unit);
  }
}

LOWBIT_INLINE void EffectiveWeights::levels_to_s8() {
  using namespace detail::effective;
  const QuantizedMatrix& q = *source_;
  const detail::IntegerLevels rounded = detail::round_levels(q.levels);
  if (q.levels_per_row() || !rounded.exact)
    not_built("a table of 256 real levels does not run with 8-bit activations, only with float ones");
  QuantizedMatrix out = like(q, WeightFormat::s8, 8);
  out.scales = q.scales;
  out.scale_bits = q.scale_bits;
  rewrite(q, out, [&](std::int32_t code) { return rounded.integer[static_cast<std::size_t>(code)]; });
  units_ = {rounded.unit};
  converted_ = std::move(out);
}

LOWBIT_INLINE void EffectiveWeights::signs_to_s2() {
  using namespace detail::effective;
  QuantizedMatrix out = like(*source_, WeightFormat::s2, 2);
  out.scales = source_->scales;
  rewrite(*source_, out, [](std::int32_t code) { return code != 0 ? 1 : 3; });
  converted_ = std::move(out);
}

// A table a row of what each code stands for.
LOWBIT_INLINE void EffectiveWeights::codes_to_levels() {
  using namespace detail::effective;
  const QuantizedMatrix& q = *source_;
  const bool wide = q.format == WeightFormat::s8;
  if (q.groups() > 1)
    not_built(
        detail::sentence("{}-bit weights with offsets for groups of {} do not run with float activations",
                         q.bits, q.granularity.group_size));
  QuantizedMatrix out = like(q, wide ? WeightFormat::lut8 : WeightFormat::lut4, wide ? 8 : 4);
  const std::int32_t first = detail::storage_of(q.format).min;
  for (std::size_t r = 0; r < static_cast<std::size_t>(q.rows); ++r)
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(out.table_size()); ++i)
      out.levels.push_back(static_cast<float>(i + first - zero_of(q, r)) * q.scales[r] + q.offsets[r]);
  out.scales.assign(q.scales.size(), 1.0f);
  rewrite(q, out, [&](std::int32_t code) { return code - first; });
  converted_ = std::move(out);
}

LOWBIT_INLINE std::span<const float> EffectiveWeights::column_scales(std::int64_t first,
                                                                     std::int64_t count) const {
  const QuantizedMatrix& q = matrix();
  // Those of planes are in the weights that floats are multiplied by.
  if (act_ == kernels::ActType::f32 && q.format == WeightFormat::b1) return {};
  const auto entries = static_cast<std::size_t>(q.groups()) * static_cast<std::size_t>(q.planes());
  return std::span(q.scales).subspan(static_cast<std::size_t>(first) * entries,
                                     static_cast<std::size_t>(count) * entries);
}

LOWBIT_INLINE kernels::WeightSpec EffectiveWeights::spec(std::uint32_t taps, std::int64_t first,
                                                         std::int64_t count) const {
  const QuantizedMatrix& q = matrix();
  const auto row = static_cast<std::size_t>(first), planes = static_cast<std::size_t>(q.planes()),
             entries = row * static_cast<std::size_t>(q.groups());
  kernels::WeightSpec s = q.spec(taps);
  s.act = act_;
  s.n = static_cast<std::uint32_t>(count);
  s.codes += row * planes * s.row_bytes;
  s.scales += entries * planes;
  if (s.zero_points) s.zero_points += entries;
  if (act_ == kernels::ActType::u8) {
    s.real_levels = nullptr;
    if (!levels_.empty()) s.levels = levels_.data() + (q.levels_per_row() ? row * q.table_size() : 0);
  } else if (q.levels_per_row()) {
    s.real_levels += row * q.table_size();
  }
  return s;
}

LOWBIT_INLINE std::int32_t EffectiveWeights::integer(std::int64_t r, std::int64_t c) const {
  using namespace detail::effective;
  const QuantizedMatrix& q = matrix();
  const std::int32_t code = q.code(r, c);
  if (!levels_.empty()) {
    const std::size_t table = q.levels_per_row() ? static_cast<std::size_t>(r) * q.table_size() : 0;
    return levels_[table + static_cast<std::size_t>(code)];
  }
  if (q.format == WeightFormat::b1) return code != 0 ? -1 : 1;
  const std::int64_t group = q.groups() > 1 ? c / q.granularity.group_size : 0;
  return code - zero_of(q, static_cast<std::size_t>(r * q.groups() + group));
}

LOWBIT_INLINE QuantizedMatrix effective_weights(const QuantizedMatrix& q, kernels::ActType act) {
  const EffectiveWeights effective(q, act);
  QuantizedMatrix out = q;
  const std::vector<std::int8_t>& integers = effective.levels();
  for (std::size_t i = 0; i < integers.size(); ++i)
    out.levels[i] = static_cast<float>(integers[i]) * effective.units()[i / q.table_size()];
  return out;
}

}  // namespace lowbit
LOWBIT_END_EXACT
