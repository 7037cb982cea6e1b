// SPDX-License-Identifier: Apache-2.0
#include "search/measured_front.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/dominance.h"

namespace lowbit::detail {

std::vector<FrontPoint> measured_front(const std::vector<FrontPoint>& uniform,
                                       const std::vector<FrontPoint>& tried) {
  std::vector<const FrontPoint*> points;
  std::vector<Criteria> costs;
  for (const std::vector<FrontPoint>* list : {&uniform, &tried})
    for (const FrontPoint& point : *list) {
      if (!point.measured) continue;
      points.push_back(&point);
      costs.push_back(
          {point.measured->ns, static_cast<double>(point.measured->file_bytes), point.measured->drop});
    }
  std::vector<FrontPoint> front;
  for (const std::size_t i : undominated(costs, 3)) front.push_back(*points[i]);
  return front;
}

std::vector<std::size_t> spread_out(const std::vector<FrontPoint>& sections, std::size_t count) {
  std::vector<std::size_t> chosen;
  if (sections.empty()) return chosen;
  std::vector<double> place;
  for (const FrontPoint& point : sections) place.push_back(std::log(std::max(point.predicted.noise, 1e-30)));
  const auto [least, most] = std::minmax_element(place.begin(), place.end());
  for (const auto end : {most, least}) {
    const auto i = static_cast<std::size_t>(end - place.begin());
    if (chosen.size() < count && std::find(chosen.begin(), chosen.end(), i) == chosen.end())
      chosen.push_back(i);
  }
  while (chosen.size() < std::min(count, sections.size())) {
    std::size_t farthest = 0;
    double distance = -1;
    for (std::size_t i = 0; i < place.size(); ++i) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      double nearest = std::numeric_limits<double>::infinity();
      for (const std::size_t c : chosen) nearest = std::min(nearest, std::fabs(place[i] - place[c]));
      if (nearest > distance) distance = nearest, farthest = i;
    }
    chosen.push_back(farthest);
  }
  return chosen;
}

}  // namespace lowbit::detail
