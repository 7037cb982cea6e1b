// QuantizedMatrix itself: sizes, access to codes, validation of what a file said, dequantization.
#include "lowbit/quant/quantized_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "quant/storage.h"

namespace lowbit {

std::size_t QuantizedMatrix::row_bytes() const {
  return packed_bytes(static_cast<std::size_t>(cols), detail::storage_of(format).width);
}

std::int32_t QuantizedMatrix::code(std::int64_t r, std::int64_t c) const {
  const auto i = static_cast<std::size_t>(c);
  const std::uint8_t* row = codes.data() + static_cast<std::size_t>(r) * row_bytes();
  if (format == WeightFormat::s8) return static_cast<std::int8_t>(row[i]);
  if (format == WeightFormat::u4) return (row[i / 2] >> (4 * (i % 2))) & 15;
  return (row[i / 4] >> (2 * (i % 4))) & 3;
}

namespace {

double total_bits(const QuantizedMatrix& q) {
  const bool per_tensor = q.granularity.kind == Granularity::Kind::tensor;
  const auto entries = [&](std::size_t n) { return static_cast<double>(per_tensor ? (n ? 1 : 0) : n); };
  const bool half = q.granularity.kind == Granularity::Kind::group &&
                    std::all_of(q.scales.begin(), q.scales.end(), [](float s) { return detail::is_half(s); });
  return 8.0 * static_cast<double>(q.codes.size()) + (half ? 16 : 32) * entries(q.scales.size()) +
         detail::storage_of(q.format).width * entries(q.zero_points.size());
}

}  // namespace

double QuantizedMatrix::bits_per_weight() const {
  const double weights = static_cast<double>(rows) * static_cast<double>(cols);
  return weights > 0 ? total_bits(*this) / weights : 0.0;
}

std::size_t QuantizedMatrix::stored_bytes() const {
  return static_cast<std::size_t>(std::ceil(total_bits(*this) / 8));
}

WeightSpec QuantizedMatrix::spec(std::uint32_t taps) const {
  WeightSpec s;
  s.format = format;
  s.n = static_cast<std::uint32_t>(rows);
  s.taps = taps;
  s.k = static_cast<std::uint32_t>(cols);
  s.group = groups() > 1 ? granularity.group_size : 0;
  s.codes = codes.data();
  s.row_bytes = row_bytes();
  s.scales = scales.data();
  s.zero_points = zero_points.empty() ? nullptr : zero_points.data();
  return s;
}

namespace {

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorCode::corrupt_file, "quantized matrix: " + what);
}

// Everything that the sizes of the vectors are computed from.
void validate_header(const QuantizedMatrix& q) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (q.rows < 1 || q.rows > kLimit || q.cols < 1 || q.cols > kLimit)
    corrupt(fmt::format("rows x cols is {}x{}; each must be from 1 to {}", q.rows, q.cols, kLimit));
  if (q.format != WeightFormat::s8 && q.format != WeightFormat::u4 && q.format != WeightFormat::s2)
    corrupt(fmt::format("format {} does not exist", static_cast<int>(q.format)));
  const int width = detail::storage_of(q.format).width;
  if (q.bits < 2 || q.bits > width)
    corrupt(fmt::format("bits is {}; its format holds 2 to {}", q.bits, width));
  const auto kind = q.granularity.kind;
  if (kind != Granularity::Kind::tensor && kind != Granularity::Kind::channel &&
      kind != Granularity::Kind::group)
    corrupt(fmt::format("granularity {} does not exist", static_cast<int>(kind)));
  if (kind == Granularity::Kind::group && q.granularity.group_size == 0) corrupt("the group size is 0");
}

}  // namespace

void QuantizedMatrix::validate() const {
  validate_header(*this);
  // At most 2^62: no overflow.
  const auto row_count = static_cast<std::uint64_t>(rows);
  const std::uint64_t entries = row_count * static_cast<std::uint64_t>(groups());
  if (codes.size() != row_count * row_bytes())
    corrupt(fmt::format("{} bytes of codes, where {}x{} needs {}", codes.size(), rows, cols,
                        row_count * row_bytes()));
  if (scales.size() != entries)
    corrupt(fmt::format("{} scales, where {} are needed", scales.size(), entries));
  for (const float s : scales)
    if (!std::isnormal(s) || s < 0) corrupt(fmt::format("a scale is {}; it must be positive and normal", s));
  if (!zero_points.empty() && zero_points.size() != entries)
    corrupt(fmt::format("{} zero points, where {} or none are needed", zero_points.size(), entries));
  const detail::CodeStorage storage = detail::storage_of(format);
  for (const std::int32_t z : zero_points)
    if (z < storage.min || z > storage.max)
      corrupt(fmt::format("a zero point is {}; codes are from {} to {}", z, storage.min, storage.max));
  if (granularity.kind != Granularity::Kind::tensor) return;
  const auto differs = [](const auto& v) {
    return std::any_of(v.begin(), v.end(), [&](const auto& x) { return x != v.front(); });
  };
  if (differs(scales) || differs(zero_points)) corrupt("scales or zero points differ within one tensor");
}

void dequantize(const QuantizedMatrix& q, const MutableMatrixView& out) {
  if (out.rows != q.rows || out.cols != q.cols)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("a {}x{} quantized matrix cannot be written to a {}x{} one", q.rows, q.cols,
                            out.rows, out.cols));
  const std::int64_t groups = q.groups();
  const std::int64_t size = groups > 1 ? q.granularity.group_size : q.cols;
  for (std::int64_t r = 0; r < q.rows; ++r)
    for (std::int64_t g = 0; g < groups; ++g) {
      const auto i = static_cast<std::size_t>(r * groups + g);
      const std::int32_t zero =
          q.zero_points.empty() ? detail::storage_of(q.format).middle : q.zero_points[i];
      const std::int64_t end = std::min(q.cols, (g + 1) * size);
      for (std::int64_t c = g * size; c < end; ++c)
        out(r, c) = static_cast<float>(q.code(r, c) - zero) * q.scales[i];
    }
}

}  // namespace lowbit
