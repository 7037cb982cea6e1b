// SPDX-License-Identifier: Apache-2.0
// The loss of a training step: from labels, and where there is a teacher from its outputs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lowbit/core/tensor.h"
#include "lowbit/model/model.h"
#include "lowbit/train/trainer.h"

namespace lowbit::train {

class TrainingLoss {
 public:
  /// The options live as long. Batches have at most `batch` samples.
  TrainingLoss(const TrainerOptions& options, std::int64_t batch);

  /// Of the tape's last forward pass, which was of `images`; leaves the gradient in the tape's output
  /// gradient.
  double find(Tape& tape, const Tensor& images, std::span<const std::int64_t> labels);

 private:
  const TrainerOptions& options_;
  std::optional<Workspace> teacher_;
  Tensor taught_, other_gradient_;
};

}  // namespace lowbit::train
