// SPDX-License-Identifier: Apache-2.0
// A pass in rounded floats, to be compared with a model in integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lowbit/core/view.h"
#include "lowbit/model/model.h"
#include "lowbit/runtime/executor.h"
#include "lowbit/train/deployment.h"

namespace lowbit::train {

struct RoundedPass {
  std::function<void(const TensorView& batch)> run;
  std::function<TensorView(std::size_t output)> output;      ///< of the last run, as the next
  std::function<TensorView(const std::string& name)> value;  ///< by its name in the graph of the model
};

DeploymentComparison compare_pass(const RoundedPass& pass, const Model& deployed,
                                  const LabelledSamples& samples, std::int64_t batch,
                                  std::shared_ptr<Executor> executor);

}  // namespace lowbit::train
