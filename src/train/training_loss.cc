// SPDX-License-Identifier: Apache-2.0
#include "train/training_loss.h"

#include "lowbit/train/losses.h"

namespace lowbit::train {

TrainingLoss::TrainingLoss(const TrainerOptions& options, std::int64_t batch) : options_(options) {
  if (options.teacher) teacher_.emplace(*options.teacher, WorkspaceOptions{.batch = batch});
}

double TrainingLoss::find(Tape& tape, const Tensor& images, std::span<const std::int64_t> labels) {
  const TensorView y = tape.output();
  const MutableTensorView g = tape.output_gradient();
  const double loss = softmax_cross_entropy(y, labels, g, options_.label_smoothing);
  if (!teacher_) return loss;
  if (!(taught_.shape == y.shape)) taught_ = Tensor(y.shape), other_gradient_ = Tensor(y.shape);
  run(*options_.teacher, images, taught_, *teacher_);
  const double distance = distillation(y, taught_, other_gradient_, options_.temperature);
  const double part = options_.teacher_part;
  const auto theirs = static_cast<float>(part), ours = static_cast<float>(1 - part);
  const std::int64_t classes = y.shape[1];
  for (std::int64_t i = 0; i < y.shape[0]; ++i)
    for (std::int64_t c = 0; c < classes; ++c) {
      float& at = g.data[i * g.strides[0] + c * g.strides[1]];
      at = ours * at + theirs * other_gradient_.data[static_cast<std::size_t>(i * classes + c)];
    }
  return (1 - part) * loss + part * distance;
}

}  // namespace lowbit::train
