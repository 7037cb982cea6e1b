// SPDX-License-Identifier: Apache-2.0
// The first output of a network on many samples.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/model/sample_set.h"
#include "lowbit/runtime/executor.h"

namespace lowbit::detail {

/// Of samples first to first + count - 1: count x elements. Runs on the caller's thread.
std::vector<float> first_outputs(const Model& model, const SampleSet& samples, std::int64_t first,
                                 std::int64_t count);
/// Of the first `count` samples, in parts side by side.
std::vector<float> first_outputs(const Model& model, const SampleSet& samples, std::int64_t count,
                                 Executor& executor);

/// 10 log10 of the reference's power over the error's.
double sqnr_of(const std::vector<float>& reference, const std::vector<float>& outputs);

}  // namespace lowbit::detail
