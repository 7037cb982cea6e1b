// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/error.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE void ErrorAccumulator::add(const float* reference, const float* approximation,
                                         std::int64_t count, std::ptrdiff_t reference_stride,
                                         std::ptrdiff_t approximation_stride) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double r = reference[i * reference_stride], a = approximation[i * approximation_stride];
    if (!std::isfinite(r) || !std::isfinite(a)) {
      ++non_finite_;
      continue;
    }
    const double e = std::fabs(r - a);
    ref2_ += r * r;
    approx2_ += a * a;
    dot_ += r * a;
    error2_ += e * e;
    max_ = e > max_ ? e : max_;
  }
  count_ += count;
}

LOWBIT_INLINE ErrorMeasure ErrorAccumulator::result() const {
  ErrorMeasure m;
  const std::int64_t summed = count_ - non_finite_;
  m.count = count_;
  m.non_finite = non_finite_;
  m.max = max_;
  m.mse = summed > 0 ? error2_ / double(summed) : 0.0;
  if (summed == 0 && count_ > 0) {
    // Nothing was compared: no approximation is as good as that.
    m.sqnr_db = m.mse = m.max = m.cosine = std::numeric_limits<double>::quiet_NaN();
    return m;
  }
  m.sqnr_db = error2_ > 0 ? 10.0 * std::log10(ref2_ / error2_) : std::numeric_limits<double>::infinity();
  // Square roots first: the product of two sums of squares could overflow.
  const double norms = std::sqrt(ref2_) * std::sqrt(approx2_);
  if (norms > 0)
    m.cosine = dot_ / norms;
  else
    m.cosine = ref2_ == approx2_ ? 1.0 : 0.0;
  return m;
}

LOWBIT_INLINE ErrorMeasure measure_error(const MatrixView& reference, const MatrixView& approximation) {
  if (reference.rows != approximation.rows || reference.cols != approximation.cols)
    detail::throw_error(
        ErrorCode::shape_mismatch,
        detail::sentence("a {}x{} reference cannot be compared with a {}x{} approximation", reference.rows,
                         reference.cols, approximation.rows, approximation.cols));
  ErrorAccumulator sum;
  for (std::int64_t r = 0; r < reference.rows; ++r)
    sum.add(reference.data + r * reference.row_stride, approximation.data + r * approximation.row_stride,
            reference.cols, reference.col_stride, approximation.col_stride);
  return sum.result();
}

namespace detail {

inline void add_error_axis(const TensorView& r, const TensorView& a, int axis, const float* pr,
                           const float* pa, ErrorAccumulator& sum) {
  const auto i = static_cast<std::size_t>(axis);
  if (axis + 1 >= r.shape.rank()) {
    const bool scalar = r.shape.rank() == 0;
    sum.add(pr, pa, scalar ? 1 : r.shape[axis], scalar ? 0 : r.strides[i], scalar ? 0 : a.strides[i]);
    return;
  }
  for (std::int64_t j = 0; j < r.shape[axis]; ++j)
    add_error_axis(r, a, axis + 1, pr + j * r.strides[i], pa + j * a.strides[i], sum);
}

}  // namespace detail

LOWBIT_INLINE ErrorMeasure measure_error(const TensorView& reference, const TensorView& approximation) {
  if (reference.shape != approximation.shape)
    detail::throw_error(
        ErrorCode::shape_mismatch,
        detail::sentence("a reference of shape {} cannot be compared with an approximation of shape {}",
                         reference.shape.to_string(), approximation.shape.to_string()));
  ErrorAccumulator sum;
  if (reference.shape.elements() > 0)
    detail::add_error_axis(reference, approximation, 0, reference.data, approximation.data, sum);
  return sum.result();
}

}  // namespace lowbit
LOWBIT_END_EXACT
