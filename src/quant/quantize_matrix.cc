// quantize(matrix): gathers the values of each group, has the quantizer fit them, and writes their codes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/quant/quantized_matrix.h"
#include "quant/rounding.h"
#include "quant/storage.h"

namespace lowbit {
namespace {

constexpr std::int64_t kRowsAtATime = 16;  // a cache line of a column-major matrix serves this many rows

// Copies rows [row, row + count) of `m` into contiguous memory.
void gather(const MatrixView& m, std::int64_t row, std::int64_t count, float* out) {
  if (m.col_stride == 1) {
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(m.data + (row + r) * m.row_stride, m.cols, out + r * m.cols);
    return;
  }
  for (std::int64_t c = 0; c < m.cols; ++c)
    for (std::int64_t r = 0; r < count; ++r) out[r * m.cols + c] = m(row + r, c);
}

void check_arguments(const MatrixView& w, const AnyQuantizer& quantizer, const MatrixView& importance) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (w.rows < 1 || w.cols < 1 || w.rows > kLimit || w.cols > kLimit || !w.data)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a {}x{} weight matrix cannot be quantized", w.rows, w.cols));
  if (importance.data && (importance.rows != w.rows || importance.cols != w.cols))
    throw Error(ErrorCode::shape_mismatch, fmt::format("importance is {}x{}, but the weights are {}x{}",
                                                       importance.rows, importance.cols, w.rows, w.cols));
  if (quantizer.code_bits() < 2 || quantizer.code_bits() > 8)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a quantizer has codes of 2 to 8 bits, not {}", quantizer.code_bits()));
  const Granularity g = quantizer.granularity;
  if (g.kind == Granularity::Kind::group &&
      (g.group_size < 4 || g.group_size > 65536 || g.group_size % 4 != 0))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("the group size is {}; it must be a multiple of 4 from 4 to 65536", g.group_size));
}

// What a quantizer returned is checked, since it may be the user's own.
void check_fit(const AffineGroup& fit, int bits) {
  if (!std::isnormal(fit.scale) || fit.scale < 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the quantizer chose the scale {}; it must be positive and normal", fit.scale));
  const IntRange s = signed_range(bits), u = unsigned_range(bits);
  const bool fits = fit.qmin < fit.qmax && ((fit.qmin >= s.qmin && fit.qmax <= s.qmax) ||
                                            (fit.qmin >= u.qmin && fit.qmax <= u.qmax));
  if (!fits || fit.zero_point < fit.qmin || fit.zero_point > fit.qmax)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("the quantizer chose codes from {} to {} with zero point {}, which {} bits cannot hold",
                    fit.qmin, fit.qmax, fit.zero_point, bits));
}

// On its own, since stores of bytes may alias members, which keeps a loop among them from being vectorized.
void assign_codes(const float* x, std::size_t count, const detail::CodeMap& code_map, std::int32_t zero,
                  std::uint8_t* out) {
  const detail::CodeMap map = code_map;
  for (std::size_t i = 0; i < count; ++i)
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(map.steps(x[i])) + zero);
}

class MatrixQuantizer {
 public:
  MatrixQuantizer(const MatrixView& weights, const AnyQuantizer& quantizer, const MatrixView& importance)
      : weights_(weights), importance_(importance), quantizer_(quantizer) {
    q_.rows = weights.rows;
    q_.cols = weights.cols;
    q_.bits = quantizer.code_bits();
    q_.format = detail::format_for_bits(q_.bits);
    q_.granularity = quantizer.granularity;
    storage_ = detail::storage_of(q_.format);
    const auto rows = static_cast<std::size_t>(q_.rows);
    q_.codes.resize(rows * q_.row_bytes());
    q_.scales.resize(rows * static_cast<std::size_t>(q_.groups()));
    q_.zero_points.resize(q_.scales.size());
    row_codes_.resize(static_cast<std::size_t>(q_.cols));
  }

  QuantizedMatrix run() {
    const bool tensor = q_.granularity.kind == Granularity::Kind::tensor;
    const std::int64_t rows_at_a_time = std::min(q_.rows, tensor ? q_.rows : kRowsAtATime);
    values_.resize(static_cast<std::size_t>(rows_at_a_time) * row_codes_.size());
    if (importance_.data) importances_.resize(values_.size());
    for (std::int64_t row = 0; row < q_.rows; row += rows_at_a_time) {
      const std::int64_t count = std::min(rows_at_a_time, q_.rows - row);
      gather(weights_, row, count, values_.data());
      if (importance_.data) gather(importance_, row, count, importances_.data());
      const AffineGroup whole = tensor ? fit(0, values_.size()) : AffineGroup{};
      for (std::int64_t r = 0; r < count; ++r)
        quantize_row(row + r, static_cast<std::size_t>(r), tensor, whole);
    }
    const auto is_middle = [&](std::int32_t z) { return z == storage_.middle; };
    if (std::all_of(q_.zero_points.begin(), q_.zero_points.end(), is_middle)) q_.zero_points.clear();
    return std::move(q_);
  }

 private:
  // The part [begin, begin + size) of the gathered values.
  AffineGroup fit(std::size_t begin, std::size_t size) const {
    const std::span<const float> values(values_);
    const std::span<const float> importances(importances_);
    AffineGroup group = quantizer_.fit(values.subspan(begin, size),
                                       importances.empty() ? importances : importances.subspan(begin, size));
    check_fit(group, q_.bits);
    // Rounded before codes are assigned, so that the codes are the best ones for the scale that is stored.
    if (q_.granularity.kind == Granularity::Kind::group) group.scale = detail::to_half(group.scale);
    return group;
  }

  void quantize_row(std::int64_t row, std::size_t buffer_row, bool tensor, const AffineGroup& whole) {
    const std::size_t cols = row_codes_.size(), groups = static_cast<std::size_t>(q_.groups());
    const std::size_t size = groups > 1 ? q_.granularity.group_size : cols;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t begin = g * size, count = std::min(size, cols - begin);
      const AffineGroup group = tensor ? whole : fit(buffer_row * cols + begin, count);
      const std::int32_t shift = stored_shift(group);
      const detail::CodeMap map({group.scale, group.zero_point}, {group.qmin, group.qmax});
      const float* x = values_.data() + buffer_row * cols + begin;
      const std::int32_t zero = group.zero_point + shift;
      assign_codes(x, count, map, zero, row_codes_.data() + begin);
      const std::size_t entry = static_cast<std::size_t>(row) * groups + g;
      q_.scales[entry] = group.scale;
      q_.zero_points[entry] = zero;
    }
    store_row(row);
  }

  // What turns the quantizer's code into the stored one. Unsigned codes are centred for s8, which keeps
  // stored zero points small; signed ones are lifted for the unsigned formats.
  std::int32_t stored_shift(const AffineGroup& group) const {
    const bool is_signed = group.qmin < 0;
    if (q_.format == WeightFormat::s8) return is_signed ? 0 : -(1 << (q_.bits - 1));
    return is_signed ? storage_.middle : 0;
  }

  void store_row(std::int64_t row) {
    const std::size_t bytes = q_.row_bytes();
    const std::span<std::uint8_t> out(q_.codes.data() + static_cast<std::size_t>(row) * bytes, bytes);
    if (q_.format == WeightFormat::s8) std::copy(row_codes_.begin(), row_codes_.end(), out.begin());
    if (q_.format == WeightFormat::u4) pack_u4(row_codes_, out);
    if (q_.format == WeightFormat::s2) pack_u2(row_codes_, out);
  }

  MatrixView weights_, importance_;
  const AnyQuantizer& quantizer_;
  QuantizedMatrix q_;
  detail::CodeStorage storage_{};
  std::vector<float> values_, importances_;
  std::vector<std::uint8_t> row_codes_;
};

}  // namespace

QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const MatrixView& importance) {
  check_arguments(weights, quantizer, importance);
  return MatrixQuantizer(weights, quantizer, importance).run();
}

}  // namespace lowbit
