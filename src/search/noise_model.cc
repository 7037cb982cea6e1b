// SPDX-License-Identifier: Apache-2.0
#include "search/noise_model.h"

#include <algorithm>
#include <cmath>

#include "search/cost_parts.h"

namespace lowbit::detail {

std::vector<std::size_t> noise_probes(const CostTable::Layer& layer) {
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < layer.candidates.size(); ++c)
    if (!layer.candidates[c].scheme.is_fp32()) order.push_back(c);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return layer.candidates[a].layer_sqnr_db > layer.candidates[b].layer_sqnr_db;
  });
  if (order.size() < 3) return order;
  // The noisiest ones are so far from what is chosen that they tell little of it.
  return {order.front(), order[order.size() / 2]};
}

double extrapolate_noise(CostTable::Layer& layer, const std::vector<std::size_t>& measured,
                         double usual_gain) {
  const auto own = [&](std::size_t c) { return noise_of(layer.candidates[c].layer_sqnr_db); };
  const auto outer = [&](std::size_t c) { return noise_of(layer.candidates[c].network_sqnr_db); };
  double gain = usual_gain, base = 0;
  if (!measured.empty()) {
    const std::size_t last = measured.back();
    if (own(last) > 0 && outer(last) > 0) gain = outer(last) / own(last);
    if (measured.size() > 1) {
      const std::size_t first = measured.front();
      const double run = own(last) - own(first), rise = outer(last) - outer(first);
      if (run > 0 && rise > 0) gain = std::min(gain, rise / run);
      base = std::max(0.0, outer(first) - gain * own(first));
    }
  }
  for (std::size_t c = 0; c < layer.candidates.size(); ++c) {
    const bool known = std::find(measured.begin(), measured.end(), c) != measured.end();
    if (known || layer.candidates[c].scheme.is_fp32()) continue;
    layer.candidates[c].network_sqnr_db = -10 * std::log10(gain * own(c) + base);
  }
  return gain;
}

}  // namespace lowbit::detail
