// SPDX-License-Identifier: Apache-2.0
// Views: how callers hand memory to the library. A view is a pointer, a shape and strides (in elements); it
// owns nothing and lives for the call: never keep one that was made from a temporary. Eigen objects, maps and
// blocks convert implicitly, by duck typing: this header does not know Eigen.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit {

namespace detail {
/// Plain Eigen objects, Map, Ref and Block of float: anything with direct access to strided memory.
template <class M>
concept EigenLike = requires(const M& m) {
  { m.data() } -> std::convertible_to<const float*>;
  { m.rows() } -> std::convertible_to<std::ptrdiff_t>;
  { m.cols() } -> std::convertible_to<std::ptrdiff_t>;
  { m.innerStride() } -> std::convertible_to<std::ptrdiff_t>;
  { m.outerStride() } -> std::convertible_to<std::ptrdiff_t>;
  { M::IsRowMajor } -> std::convertible_to<bool>;
};

/// An Eigen expression, or a matrix of another type than float: a value that has to be computed before there
/// is memory to view.
template <class M>
concept EigenExpression = !EigenLike<M> && requires(const M& m) {
  typename M::Scalar;
  m.rows(), m.cols(), m.eval();
};

/// What can be written through: not const, and not a temporary that owns its memory (whose result would be
/// lost); temporary blocks and maps are fine. `M` is deduced from a forwarding reference.
template <class M>
concept EigenWritable = EigenLike<std::remove_cvref_t<M>> && requires(std::remove_reference_t<M>& m) {
  { m.data() } -> std::same_as<float*>;
} &&(std::is_lvalue_reference_v<M> ||
     !requires(std::remove_reference_t<M> & m) { m.conservativeResize(1, 1); });
}  // namespace detail

/// A strided vector of `size` floats, read only.
struct VectorView {
  const float* data = nullptr;
  std::int64_t size = 0;
  std::ptrdiff_t stride = 1;

  VectorView() = default;
  VectorView(const float* p, std::int64_t n, std::ptrdiff_t step = 1) : data(p), size(n), stride(step) {}
  VectorView(std::span<const float> s) : data(s.data()), size(static_cast<std::int64_t>(s.size())) {}
  VectorView(const std::vector<float>& v) : data(v.data()), size(static_cast<std::int64_t>(v.size())) {}
  template <detail::EigenLike V>
  requires(static_cast<bool>(V::IsVectorAtCompileTime)) VectorView(const V& v)
      : data(v.data()), size(v.size()), stride(v.innerStride()) {}

  float operator[](std::int64_t i) const { return data[i * stride]; }
  bool empty() const { return size == 0; }
};

/// A vector of floats that is copied from what it is made of: spans, std::vectors, Eigen's vectors and
/// expressions of them.
class VectorCopy {
 public:
  VectorCopy() = default;
  template <class V>
  requires(std::convertible_to<const V&, VectorView> && !std::same_as<V, VectorCopy>) VectorCopy(const V& v) {
    const VectorView view = v;
    values_.reserve(static_cast<std::size_t>(view.size));
    for (std::int64_t i = 0; i < view.size; ++i) values_.push_back(view[i]);
  }
  template <class V>
  requires(detail::EigenExpression<V> || (detail::EigenLike<V> && !std::convertible_to<const V&, VectorView>))
      VectorCopy(const V& v) {
    static_assert(static_cast<bool>(V::IsVectorAtCompileTime),
                  "this is a matrix where a vector is asked for: v.col(0) and v.reshaped() are vectors");
    static_assert(std::same_as<typename V::Scalar, float>,
                  "this is a vector of another type than float: v.cast<float>() converts it");
    if constexpr (std::same_as<typename V::Scalar, float> && static_cast<bool>(V::IsVectorAtCompileTime)) {
      const auto computed = v.eval();
      values_.assign(computed.data(), computed.data() + computed.size());
    }
  }

  const std::vector<float>& values() const { return values_; }
  std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }
  bool empty() const { return values_.empty(); }

 private:
  std::vector<float> values_;
};

/// A strided rows x cols matrix of floats, read only.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_stride = 0, col_stride = 1;

  MatrixView() = default;
  /// Row-major and contiguous.
  MatrixView(const float* p, std::int64_t r, std::int64_t c) : MatrixView(p, r, c, c, 1) {}
  MatrixView(const float* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : data(p), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  template <detail::EigenLike M>
  MatrixView(const M& m)
      : data(m.data()),
        rows(m.rows()),
        cols(m.cols()),
        row_stride(M::IsRowMajor ? m.outerStride() : m.innerStride()),
        col_stride(M::IsRowMajor ? m.innerStride() : m.outerStride()) {}

  float operator()(std::int64_t r, std::int64_t c) const { return data[r * row_stride + c * col_stride]; }
};

/// A strided rows x cols matrix of floats that the callee writes.
struct MutableMatrixView {
  float* data = nullptr;
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_stride = 0, col_stride = 1;

  MutableMatrixView() = default;
  MutableMatrixView(float* p, std::int64_t r, std::int64_t c) : MutableMatrixView(p, r, c, c, 1) {}
  MutableMatrixView(float* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : data(p), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  template <detail::EigenWritable M>
  MutableMatrixView(M&& m) : data(m.data()) {
    const MatrixView v(m);
    rows = v.rows, cols = v.cols, row_stride = v.row_stride, col_stride = v.col_stride;
  }

  operator MatrixView() const { return {data, rows, cols, row_stride, col_stride}; }
  float& operator()(std::int64_t r, std::int64_t c) const { return data[r * row_stride + c * col_stride]; }
};

namespace detail {
std::array<std::ptrdiff_t, Shape::kMaxRank> contiguous_strides(const Shape& shape);
}

/// A strided tensor of floats, read only. Image batches are logically N x C x H x W; an HWC image enters by
/// its strides. The first dimension is the batch.
struct TensorView {
  const float* data = nullptr;
  Shape shape{0};
  std::array<std::ptrdiff_t, Shape::kMaxRank> strides{};

  TensorView() = default;
  TensorView(const float* p, const Shape& s) : data(p), shape(s), strides(detail::contiguous_strides(s)) {}
  TensorView(const float* p, const Shape& s, const std::array<std::ptrdiff_t, Shape::kMaxRank>& st)
      : data(p), shape(s), strides(st) {}
  /// One sample per column (Eigen's habit): shape cols x rows.
  template <detail::EigenLike M>
  TensorView(const M& m) : TensorView(MatrixView(m)) {}
  /// One sample per column: shape cols x rows.
  explicit TensorView(const MatrixView& m) : data(m.data), shape{m.cols, m.rows} {
    strides[0] = m.col_stride;
    strides[1] = m.row_stride;
  }
};

/// A strided tensor of floats that the callee writes.
struct MutableTensorView {
  float* data = nullptr;
  Shape shape{0};
  std::array<std::ptrdiff_t, Shape::kMaxRank> strides{};

  MutableTensorView() = default;
  MutableTensorView(float* p, const Shape& s) : data(p), shape(s), strides(detail::contiguous_strides(s)) {}
  MutableTensorView(float* p, const Shape& s, const std::array<std::ptrdiff_t, Shape::kMaxRank>& st)
      : data(p), shape(s), strides(st) {}
  template <detail::EigenWritable M>
  MutableTensorView(M&& m) : MutableTensorView(MutableMatrixView(m)) {}
  explicit MutableTensorView(const MutableMatrixView& m) : data(m.data), shape{m.cols, m.rows} {
    strides[0] = m.col_stride;
    strides[1] = m.row_stride;
  }

  operator TensorView() const { return {data, shape, strides}; }
};

}  // namespace lowbit
