// SPDX-License-Identifier: Apache-2.0
// Real offsets of scale groups, for which the kernels of float activations have no term: with
// w = s * (c - z) + o in each group, a product with x is that of the codes plus o times the sum of x over the
// group. One addition for a group in the place of one for each of its weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lowbit/layers/op_common.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

class GroupOffsets {
 public:
  static bool are_in(const QuantizedMatrix& q) { return !q.offsets.empty() && q.groups() > 1; }
  /// Of a matrix that has them, or one that has none.
  explicit GroupOffsets(const QuantizedMatrix& q) {
    if (!are_in(q)) return;
    rows_ = static_cast<std::size_t>(q.rows), cols_ = static_cast<std::size_t>(q.cols);
    groups_ = static_cast<std::size_t>(q.groups()), size_ = q.granularity.group_size;
    offsets_.resize(rows_ * groups_);
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t g = 0; g < groups_; ++g) offsets_[g * rows_ + r] = q.offsets[r * groups_ + g];
  }
  bool empty() const { return offsets_.empty(); }

  /// Adds them to the outputs `y` of the sample `x`, in the order of groups, then limits those.
  void add(const float* x, float* y, const ops::Activation& activation) const noexcept {
    for (std::size_t g = 0; g < groups_; ++g) {
      float sum = 0;
      const std::size_t end = g + 1 == groups_ ? cols_ : (g + 1) * size_;
      for (std::size_t c = g * size_; c < end; ++c) sum += x[c];
      const float* offsets = offsets_.data() + g * rows_;
      for (std::size_t r = 0; r < rows_; ++r) y[r] += offsets[r] * sum;
    }
    for (std::size_t r = 0; r < rows_; ++r) {
      const float low = y[r] < activation.lo ? activation.lo : y[r];
      y[r] = low > activation.hi ? activation.hi : low;
    }
  }

 private:
  std::size_t rows_ = 0, cols_ = 0, groups_ = 0, size_ = 0;
  std::vector<float> offsets_;  // [groups][rows]
};

}  // namespace lowbit
