// SPDX-License-Identifier: Apache-2.0
// Comparing two models on the same inputs, output by output.
#pragma once

#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/quant/error.h"

namespace lowbit {

struct OutputComparison {
  std::string name;
  ErrorMeasure error;  ///< the first model is the reference
  /// Of the cosines of single samples, NaN left out.
  double mean_cosine = 0;
};

struct ModelComparison {
  std::vector<OutputComparison> outputs;
  std::int64_t samples = 0;
  /// Samples whose largest element of the first output is the same one in both models.
  std::int64_t agree = 0;
  double agreement() const { return samples ? double(agree) / double(samples) : 0.0; }
};

/// Accumulates a comparison batch by batch.
class ModelComparer {
 public:
  /// Throws Error(shape_mismatch) when the models' inputs or outputs differ.
  ModelComparer(const Model& reference, const Model& other);
  ModelComparer(ModelComparer&&) noexcept;
  ModelComparer& operator=(ModelComparer&&) noexcept;
  ~ModelComparer();
  /// Throws Error(shape_mismatch) when `batch` does not fit the models' input.
  void add(const TensorView& batch);
  /// An array an input, each of as many samples. Throws as run() does for such arrays.
  void add(std::span<const arrays::ArrayView> batch);
  ModelComparison result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `batches`: as calibrate() takes them.
template <std::ranges::input_range Batches>
ModelComparison compare(const Model& reference, const Model& other, Batches&& batches) {
  ModelComparer comparer(reference, other);
  for (const auto& batch : batches) comparer.add(batch);
  return comparer.result();
}

}  // namespace lowbit
