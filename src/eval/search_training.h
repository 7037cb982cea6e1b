// SPDX-License-Identifier: Apache-2.0
// `lowbit auto --train`: the mixture that a search has chosen learns to live with its codes.
#pragma once

#include <cstdint>
#include <functional>

#include "data/samples.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/search/search.h"

namespace lowbit::eval {

/// Whether weights and activations in that scheme can be trained.
bool can_be_trained(const Scheme& scheme);

/// Samples of a search that it does not decide by: [0, calibration), and those from `rest` on.
struct TrainingPart {
  const data::Samples& samples;
  std::int64_t calibration = 0, rest = 0;
};

/// For SearchOptions::refine. Trains from the weights of `fp32` and the ranges of `table`, with labels and
/// fp32's outputs, as many epochs as fit into the time, of fewer samples where none does; a tenth of the
/// samples chooses the epoch. `fp32`, `table` and samples are kept by reference. Of a network that cannot be
/// trained, or in no time, the description says why there is none.
std::function<RefinedModel(const FrontPoint& given, double seconds)> training_of(
    const Model& fp32, const CalibrationTable& table, const TrainingPart& part, int threads,
    const std::function<bool()>& stops);

}  // namespace lowbit::eval
