// SPDX-License-Identifier: Apache-2.0
// How the outputs of one model differ from those of another that ran on the same samples: what compare() and
// the evaluation of several models in turns have in common.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/model/evaluate.h"

namespace lowbit {

/// Index of the largest element, the first of equals; NaN is never the largest, unless all are.
std::int64_t argmax(std::span<const float> values);
/// The same of `count` elements that lie `stride` apart.
std::int64_t argmax(const float* first, std::int64_t count, std::ptrdiff_t stride);

/// Throws Error(shape_mismatch) when the two have different numbers or shapes of outputs.
void require_same_outputs(const Model& reference, const Model& other);

class OutputScores {
 public:
  explicit OutputScores(const Model& reference);
  /// Samples from here on have outputs of these shapes, where the model has open dimensions.
  void set_shapes(std::span<const Shape> outputs);
  /// One pointer an output, each to `count` samples one after the other.
  void add(std::span<const float* const> reference, std::span<const float* const> other, std::int64_t count);
  ModelComparison result() const;

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> sizes_;  // elements of a sample
  std::vector<ErrorAccumulator> errors_;
  /// Of an output: the cosines of samples added up, and how many there are.
  struct Cosines {
    double sum = 0;
    std::int64_t count = 0;
  };
  std::vector<Cosines> cosines_;
  std::int64_t samples_ = 0, agree_ = 0;
};

}  // namespace lowbit
