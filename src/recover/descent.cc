// SPDX-License-Identifier: Apache-2.0
#include "recover/descent.h"

#include <utility>

namespace lowbit::detail {
namespace {

// gradient += step * row of H.
void move(const double* h, std::int64_t n, double step, double* gradient) {
  for (std::int64_t j = 0; j < n; ++j) gradient[j] += step * h[j];
}

}  // namespace

std::vector<RowCodes> row_codes(const Objective& objective, std::span<const RowPlace> places,
                                std::span<const int> choice) {
  const auto n = static_cast<std::size_t>(objective.columns());
  std::vector<double> values(choice.size()), gradients(choice.size());
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const RowPlace& place = places[i];
    rows.push_back(place.row);
    for (std::size_t c = 0; c < n; ++c)
      values[i * n + c] =
          double(place.grid->value(place.grid_row, static_cast<std::int64_t>(c), choice[i * n + c]));
  }
  objective.gradients(rows, values.data(), gradients.data());
  std::vector<RowCodes> all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto part = [&](const auto& v) {
      const auto begin = v.begin() + static_cast<std::ptrdiff_t>(i * n);
      return std::vector(begin, begin + static_cast<std::ptrdiff_t>(n));
    };
    all.push_back({.choice = part(choice),
                   .values = part(values),
                   .gradient = part(gradients),
                   .loss = objective.loss(places[i].row, values.data() + i * n, gradients.data() + i * n)});
  }
  return all;
}

RowCodes row_codes(const Objective& objective, const RowPlace& place, std::span<const int> choice) {
  return std::move(row_codes(objective, {&place, 1}, choice).front());
}

bool descend(const Objective& objective, const RowPlace& place, RowCodes& codes, int passes) {
  const std::int64_t n = objective.columns();
  const double* h = objective.h(place.row);
  bool changed = false;
  for (int pass = 0; pass < passes; ++pass) {
    bool moved = false;
    for (std::int64_t c = 0; c < n; ++c) {
      const auto i = static_cast<std::size_t>(c);
      const double curvature = h[c * n + c];
      if (!(curvature > 0)) continue;
      const int best =
          place.grid->nearest(place.grid_row, c, codes.values[i] - codes.gradient[i] / curvature);
      if (best == codes.choice[i]) continue;
      const double value = double(place.grid->value(place.grid_row, c, best)), step = value - codes.values[i];
      // Nearest in float: of two values that are as far away it may be the farther one.
      if (!(step * (2 * codes.gradient[i] + step * curvature) < 0)) continue;
      codes.choice[i] = best;
      codes.values[i] = value;
      move(h + c * n, n, step, codes.gradient.data());
      moved = true;
    }
    if (!moved) break;
    changed = true;
  }
  if (changed) codes.loss = objective.loss(place.row, codes.values.data(), codes.gradient.data());
  return changed;
}

}  // namespace lowbit::detail
