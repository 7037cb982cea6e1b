// SPDX-License-Identifier: Apache-2.0
// What schemes do to the outputs that were not compared for want of time.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/search/cost_table.h"

namespace lowbit::detail {

/// Two candidates that differ much in the noise of the layer's own output; one or none where there are no
/// more. fp32 is none of them.
std::vector<std::size_t> noise_probes(const CostTable::Layer& layer);

/// Sets network_sqnr_db of all candidates but `measured` (at most two) and fp32: noise at the outputs is that
/// of the layer's own output times a gain, and what quantized activations add. Of one measured candidate only
/// the gain is known; of none it is `usual_gain`. Returns the gain.
double extrapolate_noise(CostTable::Layer& layer, const std::vector<std::size_t>& measured,
                         double usual_gain);

}  // namespace lowbit::detail
