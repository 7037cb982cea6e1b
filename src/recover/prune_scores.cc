// SPDX-License-Identifier: Apache-2.0
#include "recover/prune_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "recover/index.h"

namespace lowbit::detail {

std::vector<double> lamp_scores(std::span<const float> weights) {
  std::vector<std::int64_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::abs(weights[index(a)]) < std::abs(weights[index(b)]);
  });
  std::vector<double> scores(weights.size());
  double sum = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const double w = weights[index(order[i])];
    sum += w * w;
    scores[index(order[i])] = sum > 0 ? w * w / sum : 0;
  }
  return scores;
}

std::vector<std::vector<bool>> least_scores(std::span<const std::vector<double>> scores, double share) {
  struct Place {
    double score;
    std::size_t list, at;
  };
  std::vector<Place> places;
  std::vector<std::vector<bool>> least;
  for (std::size_t n = 0; n < scores.size(); ++n) {
    least.emplace_back(scores[n].size());
    for (std::size_t i = 0; i < scores[n].size(); ++i) places.push_back({scores[n][i], n, i});
  }
  const auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(places.size())));
  const auto before = [](const Place& a, const Place& b) {
    if (a.score != b.score) return a.score < b.score;
    return a.list != b.list ? a.list < b.list : a.at < b.at;
  };
  if (count < places.size())
    std::nth_element(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count), places.end(),
                     before);
  for (std::size_t i = 0; i < count; ++i)
    if (std::isfinite(places[i].score)) least[places[i].list][places[i].at] = true;
  return least;
}

}  // namespace lowbit::detail
