// SPDX-License-Identifier: Apache-2.0
// Which weights of a tape are zero and stay it. Nothing is remembered from step to step but the weights
// themselves: what is zero before a step is zero after it, so that a checkpoint needs nothing more.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/train/pruning_schedule.h"
#include "lowbit/train/tape.h"

namespace lowbit::train {

class WeightMasks {
 public:
  /// Steps of the whole training. Throws Error(invalid_argument) for an override that matches no layer.
  WeightMasks(std::span<const Parameter> parameters, const PruningSchedule& schedule, std::int64_t steps);

  /// Before step `i`, counted from 0: weights go, where it is time.
  void prune(std::int64_t i);
  /// Around a step of the optimizer.
  void before_step();
  void after_step();
  /// Whether after so many steps no more weights go.
  bool is_complete(std::int64_t steps_done) const { return !prunes_ || steps_done > last_; }

 private:
  struct Layer {
    Parameter weight;
    bool alone = false;
    double share = 0;
    std::vector<std::uint8_t> zero{};
  };

  std::vector<Layer> layers_;
  bool is_on_ = false, prunes_ = false;
  std::int64_t last_ = 0, interval_ = 1;
};

}  // namespace lowbit::train
