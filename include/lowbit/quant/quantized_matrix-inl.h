// SPDX-License-Identifier: Apache-2.0
// QuantizedMatrix itself: sizes, access to codes, validation of what a file said, dequantization.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/quantized_matrix.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE std::size_t QuantizedMatrix::row_bytes() const {
  return packed_bytes(static_cast<std::size_t>(cols), detail::storage_of(format).width);
}

LOWBIT_INLINE std::int32_t QuantizedMatrix::code(std::int64_t r, std::int64_t c) const {
  const auto i = static_cast<std::size_t>(c);
  const std::uint8_t* row = codes.data() + static_cast<std::size_t>(r * planes()) * row_bytes();
  switch (format) {
    case WeightFormat::s8:
      return static_cast<std::int8_t>(row[i]);
    case WeightFormat::lut8:
      return row[i];
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return (row[i / 2] >> (4 * (i % 2))) & 15;
    case WeightFormat::s2:
      return (row[i / 4] >> (2 * (i % 4))) & 3;
    case WeightFormat::b1: {
      int code = 0;
      for (int p = 0; p < planes(); ++p, row += row_bytes()) code |= ((row[i / 8] >> (i % 8)) & 1) << p;
      return code;
    }
  }
  return 0;
}

namespace detail::quantized_matrix {

inline double total_bits(const QuantizedMatrix& q) {
  // Per tensor, all rows have the same.
  const bool per_tensor = q.granularity.kind == Granularity::Kind::tensor;
  const auto entries = [&](std::size_t n) {
    return static_cast<double>(n) / (per_tensor ? static_cast<double>(q.rows) : 1.0);
  };
  const bool half = q.granularity.kind == Granularity::Kind::group &&
                    std::all_of(q.scales.begin(), q.scales.end(), [](float s) { return detail::is_half(s); });
  const double scale_bits = q.scale_bits > 0 ? q.scale_bits : half ? 16 : 32;
  return 8.0 * static_cast<double>(q.codes.size()) + scale_bits * entries(q.scales.size()) +
         detail::storage_of(q.format).width * entries(q.zero_points.size()) +
         (half ? 16 : 32) * entries(q.offsets.size()) + 32.0 * static_cast<double>(q.levels.size());
}

}  // namespace detail::quantized_matrix

LOWBIT_INLINE double QuantizedMatrix::bits_per_weight() const {
  using namespace detail::quantized_matrix;
  const double weights = static_cast<double>(rows) * static_cast<double>(cols);
  return weights > 0 ? total_bits(*this) / weights : 0.0;
}

LOWBIT_INLINE std::size_t QuantizedMatrix::stored_bytes() const {
  using namespace detail::quantized_matrix;
  return static_cast<std::size_t>(std::ceil(total_bits(*this) / 8));
}

LOWBIT_INLINE kernels::WeightSpec QuantizedMatrix::spec(std::uint32_t taps) const {
  kernels::WeightSpec s;
  s.format = format;
  s.n = static_cast<std::uint32_t>(rows);
  s.taps = taps;
  s.k = static_cast<std::uint32_t>(cols);
  s.group = groups() > 1 ? granularity.group_size : 0;
  s.codes = codes.data();
  s.row_bytes = row_bytes();
  s.planes = static_cast<std::uint32_t>(planes());
  s.scales = scales.data();
  s.zero_points = zero_points.empty() ? nullptr : zero_points.data();
  s.real_levels = levels.empty() ? nullptr : levels.data();
  s.levels_per_row = levels_per_row();
  return s;
}

namespace detail::quantized_matrix {

[[noreturn]] inline void corrupt(const std::string& what) {
  detail::throw_error(ErrorCode::corrupt_file, "quantized matrix: " + what);
}

inline bool is_affine(WeightFormat format) {
  return format == WeightFormat::s8 || format == WeightFormat::u4 || format == WeightFormat::s2;
}

// Everything that the sizes of the vectors are computed from.
inline void validate_header(const QuantizedMatrix& q) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (q.rows < 1 || q.rows > kLimit || q.cols < 1 || q.cols > kLimit)
    corrupt(detail::sentence("rows x cols is {}x{}; each must be from 1 to {}", q.rows, q.cols, kLimit));
  if (q.format > WeightFormat::lut8)
    corrupt(detail::sentence("format {} does not exist", static_cast<int>(q.format)));
  const bool binary = q.format == WeightFormat::b1;
  const int least = binary ? 1 : 2, most = binary ? 4 : detail::storage_of(q.format).width;
  if (q.bits < least || q.bits > most)
    corrupt(detail::sentence("bits is {}; its format holds {} to {}", q.bits, least, most));
  const auto kind = q.granularity.kind;
  if (kind != Granularity::Kind::tensor && kind != Granularity::Kind::channel &&
      kind != Granularity::Kind::group)
    corrupt(detail::sentence("granularity {} does not exist", static_cast<int>(kind)));
  if (kind == Granularity::Kind::group && q.granularity.group_size == 0) corrupt("the group size is 0");
  if (kind == Granularity::Kind::group && binary) corrupt("sign bits have no groups");
  if (!(q.scale_bits >= 0 && q.scale_bits <= 32))
    corrupt(detail::sentence("a scale takes {} bits", q.scale_bits));
}

inline void validate_sizes(const QuantizedMatrix& q) {
  // At most 2^62 and four times that: no overflow.
  const auto rows = static_cast<std::uint64_t>(q.rows), planes = static_cast<std::uint64_t>(q.planes());
  const std::uint64_t entries = rows * static_cast<std::uint64_t>(q.groups());
  if (q.codes.size() != rows * planes * q.row_bytes())
    corrupt(detail::sentence("{} bytes of codes, where {}x{} needs {}", q.codes.size(), q.rows, q.cols,
                             rows * planes * q.row_bytes()));
  if (q.scales.size() != entries * planes)
    corrupt(detail::sentence("{} scales, where {} are needed", q.scales.size(), entries * planes));
  const std::uint64_t affine_entries = is_affine(q.format) ? entries : 0;
  if (!q.zero_points.empty() && q.zero_points.size() != affine_entries)
    corrupt(detail::sentence("{} zero points, where {} or none are needed", q.zero_points.size(),
                             affine_entries));
  if (!q.offsets.empty() && q.offsets.size() != affine_entries)
    corrupt(detail::sentence("{} offsets, where {} or none are needed", q.offsets.size(), affine_entries));
  const std::uint64_t table = q.table_size();
  if (q.levels.size() != table && q.levels.size() != rows * table)
    corrupt(detail::sentence("{} levels, where {} or {} are needed", q.levels.size(), table, rows * table));
}

}  // namespace detail::quantized_matrix

LOWBIT_INLINE void QuantizedMatrix::validate() const {
  using namespace detail::quantized_matrix;
  validate_header(*this);
  validate_sizes(*this);
  for (const float s : scales)
    if (!detail::is_scale(s)) corrupt(detail::sentence("a scale is {}; it must be positive and normal", s));
  const detail::CodeStorage storage = detail::storage_of(format);
  for (const std::int32_t z : zero_points)
    if (z < storage.min || z > storage.max)
      corrupt(detail::sentence("a zero point is {}; codes are from {} to {}", z, storage.min, storage.max));
  for (const auto* reals : {&offsets, &levels})
    for (const float x : *reals)
      if (!std::isfinite(x))
        corrupt(detail::sentence("{} is {}", reals == &offsets ? "an offset" : "a level", x));
  if (granularity.kind != Granularity::Kind::tensor || format == WeightFormat::b1) return;
  const auto differs = [](const auto& v) {
    return std::any_of(v.begin(), v.end(), [&](const auto& x) { return x != v.front(); });
  };
  if (differs(scales) || differs(zero_points) || differs(offsets))
    corrupt("scales, zero points or offsets differ within one tensor");
}

namespace detail::quantized_matrix {

// What code stands for in group i of row r.
class Decoder {
 public:
  Decoder(const QuantizedMatrix& q, std::int64_t r) : q_(q), r_(static_cast<std::size_t>(r)) {
    if (!q.levels.empty()) levels_ = q.levels.data() + (q.levels_per_row() ? r_ * q.table_size() : 0);
  }
  float operator()(std::int32_t code, std::size_t i) const {
    if (q_.format == WeightFormat::b1) {
      const auto planes = static_cast<std::size_t>(q_.bits);
      return detail::signed_sum(static_cast<std::uint32_t>(code),
                                std::span(q_.scales).subspan(r_ * planes, planes));
    }
    if (levels_ != nullptr) return levels_[code] * q_.scales[i];
    const std::int32_t zero =
        q_.zero_points.empty() ? detail::storage_of(q_.format).middle : q_.zero_points[i];
    const float real = static_cast<float>(code - zero) * q_.scales[i];
    return q_.offsets.empty() ? real : real + q_.offsets[i];
  }

 private:
  const QuantizedMatrix& q_;
  std::size_t r_;
  const float* levels_ = nullptr;
};

// Calls write(column, real) for each column of row r.
template <class Write>
void decode_row(const QuantizedMatrix& q, std::int64_t r, Write write) {
  const std::int64_t groups = q.groups();
  const std::int64_t size = groups > 1 ? q.granularity.group_size : q.cols;
  const Decoder decode(q, r);
  for (std::int64_t g = 0; g < groups; ++g) {
    const auto i = static_cast<std::size_t>(r * groups + g);
    const std::int64_t end = std::min(q.cols, (g + 1) * size);
    for (std::int64_t c = g * size; c < end; ++c) write(c, decode(q.code(r, c), i));
  }
}

}  // namespace detail::quantized_matrix

LOWBIT_INLINE void dequantize(const QuantizedMatrix& q, const MutableMatrixView& out) {
  using namespace detail::quantized_matrix;
  if (out.rows != q.rows || out.cols != q.cols)
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("a {}x{} quantized matrix cannot be written to a {}x{} one", q.rows,
                                         q.cols, out.rows, out.cols));
  for (std::int64_t r = 0; r < q.rows; ++r)
    decode_row(q, r, [&](std::int64_t c, float real) { out(r, c) = real; });
}

LOWBIT_INLINE void dequantize_row(const QuantizedMatrix& q, std::int64_t row, std::span<float> out) {
  if (row < 0 || row >= q.rows || static_cast<std::int64_t>(out.size()) != q.cols)
    detail::throw_error(
        ErrorCode::shape_mismatch,
        detail::sentence("row {} of a {}x{} quantized matrix cannot be written to {} elements", row, q.rows,
                         q.cols, out.size()));
  detail::quantized_matrix::decode_row(
      q, row, [&](std::int64_t c, float real) { out[static_cast<std::size_t>(c)] = real; });
}

}  // namespace lowbit
LOWBIT_END_EXACT
