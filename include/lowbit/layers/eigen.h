// SPDX-License-Identifier: Apache-2.0
// The only header that knows Eigen: overloads for Eigen expressions. Everything else takes views, to which
// plain Eigen objects, maps, refs and blocks convert by themselves.
#pragma once

#include <Eigen/Core>
#include <concepts>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

template <class X>
auto Linear::operator()(const X& x) const {
  static_assert(std::same_as<typename X::Scalar, float>,
                "this input is of another type than float: x.cast<float>() converts it");
  Eigen::MatrixXf y(out_features(), x.cols());
  if constexpr (detail::EigenLike<X>) {  // strided memory: read in place
    forward(x, y);
  } else if constexpr (std::same_as<typename X::Scalar, float>) {  // an expression: evaluated once
    forward(Eigen::MatrixXf(x), y);
  }
  return y;
}

/// Evaluates both expressions once, then measures.
template <class A, class B>
requires(!(detail::EigenLike<A> && detail::EigenLike<B>)) ErrorMeasure
    measure_error(const Eigen::DenseBase<A>& reference, const Eigen::DenseBase<B>& approximation) {
  const typename A::PlainObject r = reference.derived();
  const typename B::PlainObject a = approximation.derived();
  return measure_error(MatrixView(r), MatrixView(a));
}

/// As dequantize() in quant/quantized_matrix.h.
inline Eigen::MatrixXf dequantize(const QuantizedMatrix& q) {
  Eigen::MatrixXf m(q.rows, q.cols);
  dequantize(q, m);
  return m;
}

}  // namespace lowbit
