// A model made ready for this machine: one step per node, with packed weights.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit::detail {

struct CompiledModel {
  ModelData data;
  std::vector<std::unique_ptr<ops::Step>> steps;  ///< one per node
  std::vector<bool> zero_pixel;                   ///< per value: some step reads the pixel behind each sample
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
  CompiledModel(const CompiledModel&) = delete;
  CompiledModel& operator=(const CompiledModel&) = delete;
};

}  // namespace lowbit::detail
