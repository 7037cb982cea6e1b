// SPDX-License-Identifier: Apache-2.0
// A model made ready for this machine: one step per node, with packed weights.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit::detail {

/// A model at certain sizes of its open dimensions.
struct CompiledSteps {
  std::vector<ValueType> types;                     ///< one per value; steps point at them
  std::vector<std::unique_ptr<const ops::Op>> ops;  ///< one per node; null: that of the graph
  std::vector<std::unique_ptr<ops::Step>> steps;    ///< one per node
  std::vector<bool> zero_pixel;  ///< per value: some step reads the pixel behind each sample
  /// Of each node at the beginning, until one is something else: the input (its place among those of the
  /// graph) that it quantizes and nothing else reads, so that it may read it where the caller has it.
  std::vector<std::size_t> quantized_inputs;
};

struct CompiledModel {
  ModelData data;
  CompiledSteps main;  ///< at the highest sizes
  /// What the quantized weights of a node take in a file; zeros where there are none.
  struct WeightSize {
    std::size_t bytes = 0;
    double bits_per_weight = 0;
  };
  std::vector<WeightSize> weight_sizes;  ///< one per node

  /// fingerprint(), which reads all weights, once it was asked for.
  mutable std::once_flag fingerprinted;
  mutable std::uint64_t fingerprint = 0;

  /// Compiles; `data` stays where it is afterwards, steps point into it.
  explicit CompiledModel(ModelData model);
  /// The same at other sizes. Packed weights are those of `main`, so that the model must outlive the result.
  /// Throws Error(shape_mismatch) for sizes outside of the limits.
  CompiledSteps at(std::span<const std::int64_t> sizes) const;
  CompiledModel(const CompiledModel&) = delete;
  CompiledModel& operator=(const CompiledModel&) = delete;
};

}  // namespace lowbit::detail
