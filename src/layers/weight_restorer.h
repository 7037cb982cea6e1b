// SPDX-License-Identifier: Apache-2.0
// Weights whose packed form holds all that they are: a model need not keep their canonical codes beside it,
// and gets them back when it is saved.
#pragma once

#include "lowbit/kernels/gemm.h"
#include "lowbit/quant/effective.h"

namespace lowbit {

/// What a step remembers of the matrix that it packed.
class WeightRestorer {
 public:
  WeightRestorer() = default;
  explicit WeightRestorer(const EffectiveWeights& weights)
      : is_source_(weights.is_source()), zero_points_(!weights.matrix().zero_points.empty()) {}

  /// Whether restore() can be called.
  bool holds(const kernels::PackedWeights& packed) const { return is_source_ && packed.can_unpack(); }
  /// Makes room in `weights` for what release() took.
  void prepare(QuantizedMatrix& weights) const;
  /// Rows [first, first + packed.n()).
  static void restore(const kernels::PackedWeights& packed, std::int64_t first, QuantizedMatrix& weights);
  /// Frees codes, and the scales and zero points of groups.
  static void release(QuantizedMatrix& weights);

 private:
  bool is_source_ = false, zero_points_ = false;
};

}  // namespace lowbit
