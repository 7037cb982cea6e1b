// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/group_codes.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/quantized_matrix.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace group_codes {

inline constexpr float kOneLevel[] = {0.0f, 1.0f};  // where a quantizer has no table of its own

[[noreturn]] inline void refuse(const std::string& what) {
  throw_error(ErrorCode::invalid_argument, "the quantizer chose " + what);
}

inline void check_scale(float scale) {
  if (!is_scale(scale)) refuse(sentence("the scale {}; it must be positive and normal", scale));
}

inline void check_levels(std::span<const float> levels, int bits) {
  const std::size_t most = std::size_t{1} << bits;
  if (levels.size() < 2 || levels.size() > most)
    refuse(sentence("{} levels; {} bits take 2 to {}", levels.size(), bits, most));
  for (const float l : levels)
    if (!std::isfinite(l)) refuse(sentence("the level {}; levels are finite", l));
}

inline void require_two_bits(int bits) {
  if (bits < 2) refuse("codes of 1 bit for weights that are no sign bits; they have at least 2");
}

// The map is copied, since stores of bytes may alias it, which keeps the loop from being vectorized.
inline void assign_affine_with_offset(const float* x, std::size_t count, const CodeMap& code_map,
                                      float offset, std::int32_t zero, std::uint8_t* out) {
  const CodeMap map = code_map;
  for (std::size_t i = 0; i < count; ++i) {
    const float v = x[i] == x[i] ? x[i] : 0.0f;
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(map.steps(v - offset)) + zero);
  }
}

// Half a step beyond the levels at both ends.
inline Range range_of(std::span<const float> levels, float scale) {
  std::array<float, 256> sorted;
  const auto begin = sorted.begin(), end = std::copy(levels.begin(), levels.end(), begin);
  std::sort(begin, end);
  const auto distinct = std::unique(begin, end);
  if (distinct - begin < 2) return {*begin * scale, *begin * scale};
  const auto last = distinct - 1;
  return {(begin[0] - 0.5f * (begin[1] - begin[0])) * scale, (last[0] + 0.5f * (last[0] - last[-1])) * scale};
}

// Other roundings than to even. `place`: that of the first value in its matrix.
inline void assign_rounded(std::span<const float> values, const CodeMap& map, const AffineGroup& g,
                           float offset, std::int32_t zero, std::uint64_t place, std::uint8_t* out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float x = values[i] == values[i] ? values[i] : 0.0f, v = map.clamped(x - offset);
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(round_as(g.rounding, v, g.seed, place + i)) +
                                       zero);
  }
}

}  // namespace group_codes

LOWBIT_INLINE void check_fit(const AffineGroup& g, int bits) {
  using namespace group_codes;
  require_two_bits(bits);
  check_scale(g.scale);
  const IntRange s = signed_range(bits), u = unsigned_range(bits);
  const bool fits =
      g.qmin < g.qmax && ((g.qmin >= s.qmin && g.qmax <= s.qmax) || (g.qmin >= u.qmin && g.qmax <= u.qmax));
  if (!fits || g.zero_point < g.qmin || g.zero_point > g.qmax)
    refuse(sentence("codes from {} to {} with zero point {}, which {} bits cannot hold", g.qmin, g.qmax,
                    g.zero_point, bits));
  if (!std::isfinite(g.offset)) refuse(sentence("the offset {}; it must be finite", g.offset));
}

LOWBIT_INLINE void check_fit(const ScaleGroup& g, int bits) {
  using namespace group_codes;
  require_two_bits(bits);
  check_scale(g.scale);
}

LOWBIT_INLINE void check_fit(const LutGroup& g, int bits) {
  using namespace group_codes;
  require_two_bits(bits);
  check_scale(g.scale);
  check_levels(g.levels, bits);
}

LOWBIT_INLINE void check_fit(const TernaryGroup& g, int bits) {
  using namespace group_codes;
  check_scale(g.scale);
  if (!(g.threshold >= 0) || !std::isfinite(g.threshold))
    refuse(sentence("the threshold {}; it is at least 0", g.threshold));
  if (bits != 2) refuse(sentence("ternary codes, which take 2 bits, not {}", bits));
}

LOWBIT_INLINE void check_fit(const BinaryGroup& g, int bits) {
  using namespace group_codes;
  if (g.planes < 1 || g.planes > 4 || g.planes != bits)
    refuse(sentence("{} planes of sign bits for {} bits; there are 1 to 4, as many as bits", g.planes, bits));
  for (int p = 0; p < g.planes; ++p) check_scale(g.scales[static_cast<std::size_t>(p)]);
}

LOWBIT_INLINE void check_fit(const AnyGroup& fit, int bits) {
  std::visit([&](const auto& g) { check_fit(g, bits); }, fit);
}

LOWBIT_INLINE WeightFormat format_of(const AnyGroup& fit, int bits) {
  if (std::holds_alternative<AffineGroup>(fit)) return format_for_bits(bits);
  if (std::holds_alternative<TernaryGroup>(fit)) return WeightFormat::s2;
  if (std::holds_alternative<BinaryGroup>(fit)) return WeightFormat::b1;
  return bits <= 4 ? WeightFormat::lut4 : WeightFormat::lut8;
}

LOWBIT_INLINE GroupWriter::GroupWriter(const AnyQuantizer& quantizer, const AnyGroup& first,
                                       QuantizedMatrix& q, std::vector<Range>* ranges)
    : quantizer_(quantizer),
      q_(q),
      ranges_(ranges),
      type_(first.index()),
      shared_(quantizer.levels().empty() ? std::span<const float>(group_codes::kOneLevel)
                                         : std::span<const float>(quantizer.levels())) {
  using namespace group_codes;
  q.bits = quantizer.code_bits();
  q.format = format_of(first, q.bits);
  q.scale_bits = quantizer.scale_bits();
  if (q.format == WeightFormat::b1 && q.granularity.kind == Granularity::Kind::group)
    throw_error(ErrorCode::invalid_argument, "sign bits have a scale per tensor or channel, not per group");
  const auto entries = static_cast<std::size_t>(q.rows * q.groups());
  q.codes.reserve(static_cast<std::size_t>(q.rows * q.planes()) * q.row_bytes());
  q.scales.resize(entries * static_cast<std::size_t>(q.planes()));
  if (std::holds_alternative<ScaleGroup>(first)) {
    check_levels(quantizer.levels(), q.bits);
    put_table(quantizer.levels());
    shared_levels_ = range_of(quantizer.levels(), 1.0f);
  }
}

LOWBIT_INLINE bool GroupWriter::rounds_scales() const {
  return q_.granularity.kind == Granularity::Kind::group && quantizer_.scale_bits() == 0;
}

LOWBIT_INLINE kernels::CodeType GroupWriter::code_type() const {
  return q_.format == WeightFormat::s8 ? kernels::CodeType::s8 : kernels::CodeType::u8;
}

// Rounded before codes are assigned, so that the codes are the best ones for the scale that is stored.
LOWBIT_INLINE float GroupWriter::stored_scale(float scale) const {
  return rounds_scales() ? to_half(scale) : scale;
}

LOWBIT_INLINE float GroupWriter::stored_offset(float offset) const {
  const bool rounded = q_.granularity.kind == Granularity::Kind::group && std::fabs(offset) >= 0x1p-14f;
  return rounded ? std::copysign(to_half(std::fabs(offset)), offset) : offset;
}

LOWBIT_INLINE void GroupWriter::put_table(std::span<const float> levels) {
  const std::size_t begin = q_.levels.size();
  q_.levels.insert(q_.levels.end(), levels.begin(), levels.end());
  q_.levels.resize(begin + q_.table_size(), levels.back());
}

LOWBIT_INLINE void GroupWriter::write(const AnyGroup& fit, std::int64_t row, std::int64_t group,
                                      std::span<const float> values, std::uint8_t* out) {
  using namespace group_codes;
  if (fit.index() != type_) refuse("groups of different types for one matrix");
  start(row, group);
  std::visit([&](const auto& g) { put(g, values, out); }, fit);
}

LOWBIT_INLINE void GroupWriter::start(std::int64_t row, std::int64_t group) {
  row_ = static_cast<std::size_t>(row);
  entry_ = static_cast<std::size_t>(row * q_.groups() + group);
  place_ =
      static_cast<std::uint64_t>(row * q_.cols + (q_.groups() > 1 ? group * q_.granularity.group_size : 0));
}

LOWBIT_INLINE void GroupWriter::store_scale(float scale, Range range) {
  q_.scales[entry_] = scale;
  if (ranges_) ranges_->push_back(range);
}

// Zero points and offsets take memory from the first one on that says something.
LOWBIT_INLINE void GroupWriter::store_zero(std::int32_t zero) {
  const std::int32_t middle = storage_of(q_.format).middle;
  if (zero != middle && q_.zero_points.empty())
    q_.zero_points.assign(static_cast<std::size_t>(q_.rows * q_.groups()), middle);
  if (!q_.zero_points.empty()) q_.zero_points[entry_] = zero;
}

LOWBIT_INLINE void GroupWriter::store(const AffineCodes& codes) {
  store_zero(codes.zero);
  if (codes.offset != 0.0f && q_.offsets.empty())
    q_.offsets.assign(static_cast<std::size_t>(q_.rows * q_.groups()), 0.0f);
  if (!q_.offsets.empty()) q_.offsets[entry_] = codes.offset;
  store_scale(codes.scale, codes.range());
}

LOWBIT_INLINE GroupWriter::AffineCodes GroupWriter::affine_codes(const AffineGroup& g) const {
  // What turns the quantizer's code into the stored one. Unsigned codes are centred for s8, which keeps
  // stored zero points small; signed ones are lifted for the unsigned formats.
  const bool is_signed = g.qmin < 0;
  const std::int32_t middle = storage_of(q_.format).middle;
  const std::int32_t shift =
      q_.format == WeightFormat::s8 ? (is_signed ? 0 : -(1 << (q_.bits - 1))) : (is_signed ? middle : 0);
  const float scale = stored_scale(g.scale);
  // An offset takes the place of a zero point: it is stored as that of the middle code, which needs none.
  const bool shifted = g.offset != 0.0f;
  const std::int32_t zero = shifted ? middle : g.zero_point + shift;
  const float offset =
      shifted ? stored_offset(g.offset + scale * static_cast<float>(zero - shift - g.zero_point)) : 0.0f;
  return {scale, offset, zero, CodeMap({scale, zero - shift}, {g.qmin, g.qmax})};
}

LOWBIT_INLINE void GroupWriter::put(const AffineGroup& g, std::span<const float> values, std::uint8_t* out) {
  using namespace group_codes;
  const AffineCodes codes = affine_codes(g);
  const CodeMap& map = codes.map;
  if (g.rounding != Rounding::half_to_even) {
    assign_rounded(values, map, g, codes.offset, codes.zero, place_, out);
  } else if (g.offset != 0.0f) {
    assign_affine_with_offset(values.data(), values.size(), map, codes.offset, codes.zero, out);
  } else {
    const kernels::QuantizeParams params{.inverse_scale = map.inverse_scale,
                                         .lo = map.range.lo,
                                         .hi = map.range.hi,
                                         .zero_point = codes.zero,
                                         .type = code_type()};
    kernels::elementwise().quantize(values.data(), values.size(), params, out, nullptr);
  }
  store(codes);
}

LOWBIT_INLINE void GroupWriter::assign(const float* x, std::size_t count, float inverse_scale,
                                       std::uint8_t* out) const {
  if (const auto format = quantizer_.minifloat())
    kernels::elementwise().encode_minifloat(x, count, inverse_scale, minifloat::bits(*format),
                                            minifloat::mantissa_bits(*format), out);
  else
    shared_.assign(x, count, inverse_scale, out);
}

LOWBIT_INLINE void GroupWriter::put(const ScaleGroup& g, std::span<const float> values, std::uint8_t* out) {
  const float scale = stored_scale(g.scale);
  store_scale(scale, {shared_levels_.min * scale, shared_levels_.max * scale});
  assign(values.data(), values.size(), 1.0f / scale, out);
}

LOWBIT_INLINE void GroupWriter::put(const LutGroup& g, std::span<const float> values, std::uint8_t* out) {
  using namespace group_codes;
  const float scale = stored_scale(g.scale);
  store_scale(scale, range_of(g.levels, scale));
  const auto per_row = q_.granularity.kind == Granularity::Kind::channel;
  if (q_.levels.size() < (per_row ? (row_ + 1) * q_.table_size() : q_.table_size())) put_table(g.levels);
  const float* table = q_.levels.data() + (per_row ? row_ * q_.table_size() : 0);
  if (!std::equal(g.levels.begin(), g.levels.end(), table))
    throw_error(
        ErrorCode::invalid_argument,
        "the quantizer chose different levels for groups of one matrix; with scales per group or tensor "
        "there is one table (a member `bind` can find it)");
  LevelSearch(g.levels).assign(values.data(), values.size(), 1.0f / scale, out);
}

LOWBIT_INLINE void GroupWriter::put(const TernaryGroup& g, std::span<const float> values, std::uint8_t* out) {
  const float scale = stored_scale(g.scale);
  store_scale(scale, {-1.5f * scale, 1.5f * scale});
  const std::uint8_t middle = static_cast<std::uint8_t>(storage_of(WeightFormat::s2).middle);
  const float threshold = g.threshold;
  for (std::size_t i = 0; i < values.size(); ++i)
    out[i] = static_cast<std::uint8_t>(middle + (values[i] > threshold) - (values[i] < -threshold));
}

LOWBIT_INLINE void GroupWriter::put(const BinaryGroup& g, std::span<const float> values, std::uint8_t* out) {
  using namespace group_codes;
  const auto scales = std::span(g.scales).first(static_cast<std::size_t>(g.planes));
  std::array<float, 16> table;
  const auto sums = std::span(table).first(std::size_t{1} << g.planes);
  for (std::size_t code = 0; code < sums.size(); ++code)
    sums[code] = signed_sum(static_cast<std::uint32_t>(code), scales);
  std::copy(scales.begin(), scales.end(),
            q_.scales.begin() + static_cast<std::ptrdiff_t>(row_ * scales.size()));
  if (ranges_) ranges_->push_back(range_of(sums, 1.0f));
  LevelSearch(sums).assign(values.data(), values.size(), 1.0f, out);
}

LOWBIT_INLINE void GroupWriter::finish() {
  const std::size_t table = q_.table_size();
  bool alike = q_.levels.size() > table;
  for (std::size_t i = table; alike && i < q_.levels.size(); ++i)
    alike = q_.levels[i] == q_.levels[i % table];
  if (alike) q_.levels.resize(table);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
