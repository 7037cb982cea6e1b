// A model made ready for this machine: one step per node, with packed weights.
#pragma once

#include <memory>
#include <vector>

#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit::detail {

struct CompiledModel {
  ModelData data;
  std::vector<std::unique_ptr<Step>> steps;  ///< one per node
  std::vector<bool> zero_pixel;              ///< per value: some step reads the pixel behind each sample

  /// Compiles; `data` stays where it is afterwards, steps point into it.
  explicit CompiledModel(ModelData model);
  CompiledModel(const CompiledModel&) = delete;
  CompiledModel& operator=(const CompiledModel&) = delete;
};

}  // namespace lowbit::detail
