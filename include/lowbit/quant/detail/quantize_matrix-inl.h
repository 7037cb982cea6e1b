// SPDX-License-Identifier: Apache-2.0
// quantize(matrix): gathers the values of each group, has the quantizer fit them, and writes their codes.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/detail/group_codes.h"
#include "lowbit/quant/detail/group_ranges.h"
#include "lowbit/quant/detail/matrix_rows.h"
#include "lowbit/quant/detail/quantize_matrix.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/runtime/detail/float_env.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::matrix_quantizer {

inline constexpr std::int64_t kRowsAtATime =
    16;  // a cache line of a column-major matrix serves this many rows

inline void check_matrices(const MatrixView& w, const MatrixView& importance) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  if (w.rows < 1 || w.cols < 1 || w.rows > kLimit || w.cols > kLimit || !w.data)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a {}x{} weight matrix cannot be quantized", w.rows, w.cols));
  if (importance.data && (importance.rows != w.rows || importance.cols != w.cols))
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("importance is {}x{}, but the weights are {}x{}", importance.rows,
                                         importance.cols, w.rows, w.cols));
}

// Codes of a small float are encoded and decoded by its own rules: the table must be the same.
inline void check_minifloat(const AnyQuantizer& quantizer, MiniFloat format) {
  if (format == MiniFloat::e8m0)
    detail::throw_error(ErrorCode::invalid_argument, "e8m0 is a format of scales, not of weights");
  if (format == MiniFloat::fp8_e4m3fnuz || format == MiniFloat::fp8_e5m2fnuz)
    detail::throw_error(ErrorCode::unsupported,
                        detail::sentence("weights of {} are not supported; fp8_e4m3fn and "
                                         "fp8_e5m2 are",
                                         minifloat::name(format)));
  if (quantizer.code_bits() != minifloat::bits(format) || quantizer.levels() != detail::finite_table(format))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a quantizer for {} has {} bits and a table of its own",
                                         minifloat::name(format), quantizer.code_bits()));
}

// `quantizer` is bound: what a user's own bind returns is checked, too.
inline AnyQuantizer checked(AnyQuantizer quantizer) {
  if (quantizer.code_bits() < 1 || quantizer.code_bits() > 8)
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("a quantizer has codes of 1 to 8 bits, not {}", quantizer.code_bits()));
  const Granularity g = quantizer.granularity;
  if (g.kind == Granularity::Kind::group &&
      (g.group_size < 4 || g.group_size > 65536 || g.group_size % 4 != 0))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("the group size is {}; it must be a multiple of 4 from 4 to 65536", g.group_size));
  if (const auto format = quantizer.minifloat()) check_minifloat(quantizer, *format);
  return quantizer;
}

class MatrixQuantizer {
 public:
  MatrixQuantizer(const MatrixView& weights, const AnyQuantizer& quantizer, const MatrixView& importance,
                  std::vector<Range>* ranges)
      : weights_(weights),
        importance_(importance),
        quantizer_(checked(checked(quantizer).bind(weights, importance))),
        ranges_(ranges) {
    q_.rows = weights.rows;
    q_.cols = weights.cols;
    q_.granularity = quantizer_.granularity;
    row_codes_.resize(static_cast<std::size_t>(q_.cols));
  }

  QuantizedMatrix run() {
    const bool tensor = q_.granularity.kind == Granularity::Kind::tensor;
    const std::int64_t rows_at_a_time = std::min(q_.rows, tensor ? q_.rows : kRowsAtATime);
    for (std::int64_t row = 0; row < q_.rows; row += rows_at_a_time) {
      const std::int64_t count = std::min(rows_at_a_time, q_.rows - row);
      values_ = detail::contiguous_rows(weights_, row, count, gathered_values_);
      if (importance_.data)
        importances_ = detail::contiguous_rows(importance_, row, count, gathered_importances_);
      const AnyGroup whole = tensor ? fit(0, values_.size()) : AnyGroup{};
      for (std::int64_t r = 0; r < count; ++r)
        if (const auto i = static_cast<std::size_t>(r); tensor || !quantize_row_by_ranges(row + r, i))
          quantize_row(row + r, i, tensor ? &whole : nullptr);
    }
    writer_->finish();
    return std::move(q_);
  }

 private:
  // Whether ranges were enough for the groups of that row.
  bool quantize_row_by_ranges(std::int64_t row, std::size_t buffer_row) {
    if (!by_ranges_) return false;
    const std::span<const float> values = values_.subspan(buffer_row * row_codes_.size(), row_codes_.size());
    detail::group_ranges(values, q_.groups() > 1 ? q_.granularity.group_size : values.size(), group_ranges_);
    by_ranges_ = quantizer_.fit_ranges(group_ranges_, fits_);
    if (!by_ranges_) return false;
    if (!writer_)
      writer_.emplace(quantizer_, std::visit([](const auto& f) -> AnyGroup { return f.front(); }, fits_), q_,
                      ranges_);
    writer_->write_row(fits_, row, values, row_codes_.data());
    detail::append_row(q_, row_codes_);
    return true;
  }

  // The part [begin, begin + size) of the gathered values.
  AnyGroup fit(std::size_t begin, std::size_t size) {
    AnyGroup group = quantizer_.fit(values_.subspan(begin, size),
                                    importances_.empty() ? importances_ : importances_.subspan(begin, size));
    detail::check_fit(group, quantizer_.code_bits());
    if (!writer_) writer_.emplace(quantizer_, group, q_, ranges_);
    return group;
  }

  void quantize_row(std::int64_t row, std::size_t buffer_row, const AnyGroup* whole) {
    const std::size_t cols = row_codes_.size(), groups = static_cast<std::size_t>(q_.groups());
    const std::size_t size = groups > 1 ? q_.granularity.group_size : cols;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t begin = g * size, count = std::min(size, cols - begin);
      const std::span<const float> values = values_.subspan(buffer_row * cols + begin, count);
      std::uint8_t* out = row_codes_.data() + begin;
      const auto group = static_cast<std::int64_t>(g);
      if (whole)
        writer_->write(*whole, row, group, values, out);
      else
        writer_->write(fit(buffer_row * cols + begin, count), row, group, values, out);
    }
    detail::append_row(q_, row_codes_);
  }

  MatrixView weights_, importance_;
  AnyQuantizer quantizer_;
  std::vector<Range>* ranges_;
  QuantizedMatrix q_;
  std::optional<detail::GroupWriter> writer_;
  std::vector<float> gathered_values_, gathered_importances_;
  std::span<const float> values_, importances_;  // of the rows in turn
  std::vector<Range> group_ranges_;              // of a row
  RangeFits fits_;
  bool by_ranges_ = true;  // until the quantizer asks for values: it is not asked again
  std::vector<std::uint8_t> row_codes_;
};

}  // namespace detail::matrix_quantizer

LOWBIT_INLINE QuantizedMatrix detail::quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                                               const MatrixView& importance, std::vector<Range>* ranges) {
  using namespace detail::matrix_quantizer;
  check_matrices(weights, importance);
  const FloatEnvironmentGuard defaults;  // the caller's rounding mode does not matter
  return MatrixQuantizer(weights, quantizer, importance, ranges).run();
}

LOWBIT_INLINE QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                                       const MatrixView& importance) {
  return detail::quantize(weights, quantizer, importance, nullptr);
}

}  // namespace lowbit
LOWBIT_END_EXACT
