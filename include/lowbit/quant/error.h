// SPDX-License-Identifier: Apache-2.0
// Error measures between a reference and an approximation of it.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/view.h"

namespace lowbit {

/// Sums are accumulated in double, in order. Non-finite elements on either side are counted, not summed; if
/// all are such, the measures are NaN.
struct ErrorMeasure {
  double sqnr_db = 0;      ///< 10 log10(sum ref^2 / sum (ref - approx)^2); +inf when equal
  double mse = 0;          ///< mean of (ref - approx)^2
  double max = 0;          ///< largest |ref - approx|
  double cosine = 1;       ///< cosine of the angle between them; 1 when both are zero
  std::int64_t count = 0;  ///< elements, non-finite ones included
  std::int64_t non_finite = 0;
};

/// Throws Error(shape_mismatch) when the shapes differ.
ErrorMeasure measure_error(const MatrixView& reference, const MatrixView& approximation);
ErrorMeasure measure_error(const TensorView& reference, const TensorView& approximation);
/// Eigen objects, maps and blocks are matrices here; lowbit/layers/eigen.h takes expressions as well.
template <detail::EigenLike A, detail::EigenLike B>
ErrorMeasure measure_error(const A& reference, const B& approximation) {
  return measure_error(MatrixView(reference), MatrixView(approximation));
}

/// The same in pieces: add() each batch, then result().
class ErrorAccumulator {
 public:
  void add(const float* reference, const float* approximation, std::int64_t count,
           std::ptrdiff_t reference_stride = 1, std::ptrdiff_t approximation_stride = 1);
  ErrorMeasure result() const;

 private:
  double ref2_ = 0, approx2_ = 0, dot_ = 0, error2_ = 0, max_ = 0;
  std::int64_t count_ = 0, non_finite_ = 0;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/error-inl.h"
#endif
