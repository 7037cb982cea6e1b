// SPDX-License-Identifier: Apache-2.0
// The state of a training between two steps, and its file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lowbit/train/optimizer.h"
#include "lowbit/train/tape.h"
#include "lowbit/train/trainer.h"

namespace lowbit::train {

/// What the tape's numbers are.
struct Snapshot {
  std::vector<std::vector<float>> parameters{};
  std::vector<std::vector<double>> states{};

  static Snapshot of(const Tape& tape);
  void put_back(const Tape& tape) const;
};

struct Checkpoint {
  std::uint64_t training = 0;        ///< hash of what the training is of
  std::int64_t epoch = 0, step = 0;  ///< to go on with
  double loss_sum = 0;               ///< of the steps of that epoch
  Snapshot now{}, best{};
  Optimizer::Memory optimizer{};
  TrainingResult result{};
};

void save_checkpoint(const Checkpoint& checkpoint, const std::string& path);
/// Throws Error(corrupt_file), or Error(invalid_argument) for a checkpoint of another training than
/// `expected`.
Checkpoint load_checkpoint(const std::string& path, const Checkpoint& expected);

}  // namespace lowbit::train
