// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/matrix_rows.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/given_codes.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::given_codes {

[[noreturn]] inline void refuse_codes(const std::string& what) {
  detail::throw_error(ErrorCode::invalid_argument, "given codes: " + what);
}

/// What all kinds have: sizes, checks with places in them, and codes on their way into the matrix.
class Builder {
 public:
  Builder(const CodesView& codes, Granularity granularity, WeightFormat format, int bits) : codes_(codes) {
    constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
    if (codes.rows < 1 || codes.cols < 1 || codes.rows > kLimit || codes.cols > kLimit || !codes.data)
      refuse_codes(detail::sentence("a {}x{} matrix of codes cannot be", codes.rows, codes.cols));
    if (granularity.kind == Granularity::Kind::group &&
        (granularity.group_size < 4 || granularity.group_size > 65536 || granularity.group_size % 4 != 0))
      refuse_codes(detail::sentence("the group size is {}; it must be a multiple of 4 from 4 to 65536",
                                    granularity.group_size));
    q_.rows = codes.rows;
    q_.cols = codes.cols;
    q_.format = format;
    q_.bits = bits;
    q_.granularity = granularity;
    row_.resize(static_cast<std::size_t>(codes.cols));
  }

  std::int64_t groups() const { return q_.groups(); }
  bool per_tensor() const { return q_.granularity.kind == Granularity::Kind::tensor; }
  /// Entries that a caller gives, and which of them is that of group g of row r.
  std::size_t given_entries() const {
    return per_tensor() ? 1 : static_cast<std::size_t>(q_.rows * groups());
  }
  std::size_t given_entry(std::int64_t r, std::int64_t g) const {
    return per_tensor() ? 0 : static_cast<std::size_t>(r * groups() + g);
  }
  /// "of row 3, group 1", as far as there are several.
  std::string place(std::int64_t r, std::int64_t g) const {
    if (per_tensor()) return "of the tensor";
    return groups() > 1 ? detail::sentence("of row {}, group {}", r, g) : detail::sentence("of row {}", r);
  }
  void require_size(std::size_t size, std::size_t needed, const char* what) const {
    if (size != needed)
      detail::throw_error(
          ErrorCode::shape_mismatch,
          detail::sentence("given codes: {} {}, where a {}x{} matrix with a scale per {} needs {}", size,
                           what, q_.rows, q_.cols,
                           per_tensor()   ? "tensor"
                           : groups() > 1 ? detail::sentence("group of {}", q_.granularity.group_size)
                                          : std::string("row"),
                           needed));
  }
  /// Throws unless it is 0 or, but for its sign, what a QuantizedMatrix may have.
  void check_scale(float scale, std::int64_t r, std::int64_t g) const {
    if (scale != 0.0f && !detail::is_scale(std::fabs(scale)))
      refuse_codes(
          detail::sentence("the scale {} is {}; it must be 0 or a normal number", place(r, g), scale));
  }
  std::int32_t code(std::int64_t r, std::int64_t c, IntRange range) const {
    const std::int32_t code = codes_(r, c);
    if (code < range.qmin || code > range.qmax)
      refuse_codes(detail::sentence("the code at row {}, column {} is {}; codes are from {} to {}", r, c,
                                    code, range.qmin, range.qmax));
    return code;
  }

  /// Row by row, group by group: `group(r, g)` says what becomes of the group's codes, a function of the
  /// checked code.
  template <class Group>
  QuantizedMatrix build(IntRange range, const Group& group) {
    const std::int64_t size = groups() > 1 ? q_.granularity.group_size : q_.cols;
    q_.codes.reserve(static_cast<std::size_t>(q_.rows * q_.planes()) * q_.row_bytes());
    for (std::int64_t r = 0; r < q_.rows; ++r) {
      for (std::int64_t g = 0; g < groups(); ++g) {
        const auto stored = group(r, g);
        for (std::int64_t c = g * size; c < std::min(q_.cols, (g + 1) * size); ++c)
          row_[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(stored(code(r, c, range)));
      }
      detail::append_row(q_, row_);
    }
    q_.validate();
    return std::move(q_);
  }

  QuantizedMatrix& matrix() { return q_; }

 private:
  CodesView codes_;
  QuantizedMatrix q_;
  std::vector<std::uint8_t> row_;
};

/// Any positive number does where all codes stand for zero; this one is also an fp16 number.
inline constexpr float kScaleOfZeros = 1.0f;

}  // namespace detail::given_codes

LOWBIT_INLINE QuantizedMatrix matrix_from_codes(const AffineCodes& given) {
  using namespace detail::given_codes;
  if (given.bits < 2 || given.bits > 8)
    refuse_codes(detail::sentence("codes of {} bits; there are 2 to 8", given.bits));
  const WeightFormat format = detail::format_for_bits(given.bits);
  Builder b(given.codes, given.granularity, format, given.bits);
  const std::size_t needed = b.given_entries();
  b.require_size(given.scales.size(), needed, "scales");
  if (!given.zero_points.empty()) b.require_size(given.zero_points.size(), needed, "zero points");
  if (!given.offsets.empty()) b.require_size(given.offsets.size(), needed, "offsets");
  const IntRange range = given.codes.is_signed ? signed_range(given.bits) : unsigned_range(given.bits);
  // From the code that was given to the one that is stored: s8 is signed, the other formats are not.
  const std::int32_t middle = detail::storage_of(format).middle;
  const std::int32_t shift = given.codes.is_signed        ? middle
                             : format == WeightFormat::s8 ? -(1 << (given.bits - 1))
                                                          : 0;
  QuantizedMatrix& q = b.matrix();
  std::vector<std::int32_t> zeros;
  const auto group = [&](std::int64_t r, std::int64_t g) {
    const std::size_t i = b.given_entry(r, g);
    const float scale = given.scales[i];
    b.check_scale(scale, r, g);
    const std::int32_t zero = given.zero_points.empty() ? 0 : given.zero_points[i];
    if (zero < range.qmin || zero > range.qmax)
      refuse_codes(detail::sentence("the zero point {} is {}; codes are from {} to {}", b.place(r, g), zero,
                                    range.qmin, range.qmax));
    if (!given.offsets.empty()) {
      if (!std::isfinite(given.offsets[i]))
        refuse_codes(
            detail::sentence("the offset {} is {}; it must be finite", b.place(r, g), given.offsets[i]));
      q.offsets.push_back(given.offsets[i]);
    }
    // Negative: (first + last - code) - (first + last - zero) is zero - code.
    const std::int32_t sign = std::signbit(scale) && scale != 0.0f ? -1 : 1;
    const std::int32_t base = (sign < 0 ? range.qmin + range.qmax : 0) + shift;
    q.scales.push_back(scale == 0.0f ? kScaleOfZeros : std::fabs(scale));
    zeros.push_back(base + sign * zero);
    const bool constant = scale == 0.0f;
    return [=](std::int32_t code) { return base + sign * (constant ? zero : code); };
  };
  // Zero points take memory only where some are not the middle code, as in quantize().
  QuantizedMatrix built = b.build(range, group);
  if (std::any_of(zeros.begin(), zeros.end(), [&](std::int32_t z) { return z != middle; }))
    built.zero_points = std::move(zeros);
  return built;
}

LOWBIT_INLINE QuantizedMatrix matrix_from_codes(const TableCodes& given) {
  using namespace detail::given_codes;
  const auto tables =
      static_cast<std::size_t>(given.levels_per_row ? std::max<std::int64_t>(1, given.codes.rows) : 1);
  const std::size_t count = given.levels.size() / tables;
  if (given.levels.size() % tables != 0)
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("given codes: {} levels cannot be {} tables of as many",
                                         given.levels.size(), tables));
  if (count < 2 || count > 256)
    refuse_codes(detail::sentence("a table of {} levels; there are 2 to 256", count));
  const int bits = std::max(2, static_cast<int>(std::bit_width(count - 1)));
  Builder b(given.codes, given.granularity, bits <= 4 ? WeightFormat::lut4 : WeightFormat::lut8, bits);
  if (!given.scales.empty()) b.require_size(given.scales.size(), b.given_entries(), "scales");
  QuantizedMatrix& q = b.matrix();
  for (std::size_t t = 0; t < tables; ++t) {
    const std::span<const float> table = given.levels.subspan(t * count, count);
    for (std::size_t i = 0; i < count; ++i)
      if (!std::isfinite(table[i]))
        refuse_codes(detail::sentence("level {}{} is {}; levels are finite", i,
                                      given.levels_per_row ? detail::sentence(" of row {}", t) : "",
                                      table[i]));
    q.levels.insert(q.levels.end(), table.begin(), table.end());
    q.levels.resize((t + 1) * q.table_size(), table.back());
  }
  const auto group = [&](std::int64_t r, std::int64_t g) {
    const float scale = given.scales.empty() ? 1.0f : given.scales[b.given_entry(r, g)];
    b.check_scale(scale, r, g);
    if (scale < 0.0f)
      refuse_codes(
          detail::sentence("the scale {} is {}; a table is scaled by 0 or more", b.place(r, g), scale));
    std::int32_t zero = -1;
    if (scale == 0.0f) {
      const auto table =
          given.levels.subspan(given.levels_per_row ? static_cast<std::size_t>(r) * count : 0, count);
      const auto at = std::find(table.begin(), table.end(), 0.0f);
      if (at == table.end())
        refuse_codes(detail::sentence("the scale {} is 0, and no level is", b.place(r, g)));
      zero = static_cast<std::int32_t>(at - table.begin());
    }
    q.scales.push_back(scale == 0.0f ? kScaleOfZeros : scale);
    return [=](std::int32_t code) { return zero < 0 ? code : zero; };
  };
  return b.build({0, static_cast<std::int32_t>(count) - 1}, group);
}

LOWBIT_INLINE QuantizedMatrix matrix_from_codes(const TernaryCodes& given) {
  using namespace detail::given_codes;
  Builder b(given.codes, given.granularity, WeightFormat::s2, 2);
  b.require_size(given.scales.size(), b.given_entries(), "scales");
  const std::int32_t middle = detail::storage_of(WeightFormat::s2).middle;
  return b.build({-1, 1}, [&](std::int64_t r, std::int64_t g) {
    const float scale = given.scales[b.given_entry(r, g)];
    b.check_scale(scale, r, g);
    b.matrix().scales.push_back(scale == 0.0f ? kScaleOfZeros : std::fabs(scale));
    const std::int32_t sign = scale == 0.0f ? 0 : scale < 0.0f ? -1 : 1;
    return [=](std::int32_t code) { return middle + sign * code; };
  });
}

LOWBIT_INLINE QuantizedMatrix matrix_from_codes(const SignCodes& given) {
  using namespace detail::given_codes;
  if (given.planes < 1 || given.planes > 4)
    refuse_codes(detail::sentence("{} planes of sign bits; there are 1 to 4", given.planes));
  if (given.granularity.kind == Granularity::Kind::group)
    refuse_codes("sign bits have a scale per tensor or channel, not per group");
  Builder b(given.codes, given.granularity, WeightFormat::b1, given.planes);
  const auto planes = static_cast<std::size_t>(given.planes);
  b.require_size(given.scales.size(), b.given_entries() * planes, "scales (of all planes)");
  return b.build(unsigned_range(given.planes), [&](std::int64_t r, std::int64_t g) {
    std::int32_t flipped = 0;
    for (std::size_t p = 0; p < planes; ++p) {
      const float scale = given.scales[b.given_entry(r, g) * planes + p];
      b.check_scale(scale, r, g);
      if (scale == 0.0f)
        refuse_codes(
            detail::sentence("the scale {}, plane {} is 0; a sign bit has no zero", b.place(r, g), p));
      b.matrix().scales.push_back(std::fabs(scale));
      if (scale < 0.0f) flipped |= 1 << p;
    }
    return [=](std::int32_t code) { return code ^ flipped; };
  });
}

}  // namespace lowbit
LOWBIT_END_EXACT
