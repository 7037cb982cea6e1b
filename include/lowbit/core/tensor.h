// SPDX-License-Identifier: Apache-2.0
// Tensor: an owning, contiguous float tensor; what loaders return and what calibration batches are made of.
#pragma once

#include <vector>

#include "lowbit/core/shape.h"
#include "lowbit/core/view.h"

namespace lowbit {

/// Owns its elements, row-major (outermost dimension first).
struct Tensor {
  Shape shape{0};
  std::vector<float> data;

  Tensor() = default;
  /// Zero-filled.
  explicit Tensor(const Shape& s) : shape(s), data(static_cast<std::size_t>(s.elements())) {}
  /// Throws Error(shape_mismatch) when `values` has not as many elements as `s`.
  Tensor(const Shape& s, std::vector<float> values);

  TensorView view() const { return {data.data(), shape}; }
  MutableTensorView mutable_view() { return {data.data(), shape}; }
  operator TensorView() const { return view(); }
  operator MutableTensorView() { return mutable_view(); }

  friend bool operator==(const Tensor&, const Tensor&) = default;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/tensor-inl.h"
#endif
