// SPDX-License-Identifier: Apache-2.0
#include "search/dominance.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>

namespace lowbit::detail {
namespace {

/// Of points that come with the first criterion ascending: the least third criterion at each second one. A
/// point is beaten by an earlier one with a second and third that are no larger.
class Staircase {
 public:
  bool take(double second, double third) {
    const auto above = steps_.upper_bound(second);
    if (above != steps_.begin() && std::prev(above)->second <= third) return false;
    auto beaten = steps_.lower_bound(second);
    while (beaten != steps_.end() && beaten->second >= third) beaten = steps_.erase(beaten);
    steps_.emplace(second, third);
    return true;
  }

 private:
  std::map<double, double> steps_;  ///< third falls where second rises
};

bool beats(const Criteria& a, const Criteria& b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (a[i] > b[i]) return false;
  return true;
}

}  // namespace

std::vector<std::size_t> undominated(const std::vector<Criteria>& points, std::size_t count) {
  std::vector<std::size_t> order(points.size()), kept;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(points[a].begin(), points[a].begin() + count, points[b].begin(),
                                        points[b].begin() + count);
  });
  Staircase stairs;
  for (const std::size_t i : order) {
    const Criteria& p = points[i];
    bool is_new = false;
    if (count <= 3) {
      is_new = stairs.take(count > 1 ? p[1] : 0, count > 2 ? p[2] : 0);
    } else {
      is_new =
          std::none_of(kept.begin(), kept.end(), [&](std::size_t k) { return beats(points[k], p, count); });
    }
    if (is_new) kept.push_back(i);
  }
  return kept;
}

}  // namespace lowbit::detail
