// The only header that knows Eigen: overloads for Eigen expressions. Everything else takes views, to which
// plain Eigen objects, maps, refs and blocks convert by themselves.
#pragma once

#include <Eigen/Core>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

template <class X>
auto Linear::operator()(const X& x) const {
  const Eigen::Ref<const Eigen::MatrixXf, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> columns(x);
  Eigen::MatrixXf y(out_features(), columns.cols());
  // A matrix of samples in columns is its transpose with samples in rows: only strides are swapped, nothing
  // is copied.
  const MatrixView in(columns);
  forward({in.data, in.cols, in.rows, in.col_stride, in.row_stride},
          {y.data(), y.cols(), y.rows(), y.rows(), 1});
  return y;
}

/// Evaluates both expressions once, then measures.
template <class A, class B>
ErrorMeasure measure_error(const Eigen::MatrixBase<A>& reference, const Eigen::MatrixBase<B>& approximation) {
  const Eigen::MatrixXf r = reference, a = approximation;
  return measure_error(MatrixView(r), MatrixView(a));
}

/// The dequantized matrix, exactly what the kernels compute with.
inline Eigen::MatrixXf dequantize(const QuantizedMatrix& q) {
  Eigen::MatrixXf m(q.rows, q.cols);
  dequantize(q, m);
  return m;
}

}  // namespace lowbit
