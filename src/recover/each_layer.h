// SPDX-License-Identifier: Apache-2.0
// Goes through an fp32 network and hands over the moments of one layer at a time, so that those of all layers
// never are there at once. Each node runs once.
#pragma once

#include <functional>
#include <span>

#include "lowbit/recover/capture.h"

namespace lowbit::detail {

/// `how`: positions, second_moments, sampled_rows and threads count, and outputs are not captured. Calls
/// take(node, moments) for each layer that `wants` says of, in order of the graph.
void each_layer(const Model& fp32, std::span<const arrays::ArrayView> samples, const CaptureOptions& how,
                const std::function<bool(std::size_t node)>& wants,
                const std::function<void(std::size_t node, const LayerMoments&)>& take);

}  // namespace lowbit::detail
