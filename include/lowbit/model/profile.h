// SPDX-License-Identifier: Apache-2.0
// profile: where the time of models goes, node by node, in whole runs. Models take turns, so that a machine
// that drifts slows all of them alike, and each runs a few times in its turn, so that caches are as they are
// where one model runs again and again.
//
//   std::vector<ModelProfile> p = profile(std::vector{fp32, int8}, inputs, {.threads = 2});
//   p[1].nodes[i].ns;                                                // of int8.graph().nodes[i]
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/model/model.h"

namespace lowbit {

/// Nanoseconds of a batch: the median over runs, and half the distance between the quartiles.
struct MeasuredTime {
  double ns = 0, spread = 0;
};

struct ModelProfile {
  std::vector<MeasuredTime> nodes;  ///< one per node of the graph
  MeasuredTime whole;               ///< from inputs to outputs
  double outside_ns = 0;            ///< median of what is no node: copies of inputs and outputs
  std::int64_t runs = 0;
};

struct ProfileOptions {
  int threads = 1;
  int rounds = 15;        ///< turns of each model
  int runs_of_round = 3;  ///< that are timed, after one that is not
  /// Asked after each round; once it is true, the times are those of the rounds so far.
  std::function<bool()> stops{};
};

/// `batch`: an array an input, in the order of the graph, the same for all models; all of its samples run at
/// once. Reading the clock is part of the times, some 25 ns a node. Throws Error(invalid_argument) for no
/// models or impossible numbers, and as run() does for such arrays.
std::vector<ModelProfile> profile(std::span<const Model> models, std::span<const arrays::ArrayView> batch,
                                  const ProfileOptions& options = {});
/// The same for models with one input.
std::vector<ModelProfile> profile(std::span<const Model> models, const TensorView& batch,
                                  const ProfileOptions& options = {});

}  // namespace lowbit
