// SPDX-License-Identifier: Apache-2.0
#include "recover/round_by_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "lowbit/core/error.h"
#include "recover/descent.h"
#include "recover/for_rows.h"

namespace lowbit::detail {
namespace {

void check(const SweepRounding& rounding) {
  if (!(rounding.share >= 0) || !std::isfinite(rounding.share) || rounding.raises < 0 ||
      rounding.threads < 1 || rounding.descent_passes < 0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} takes a damping of at least 0, not {}, at least 0 raises and passes, not {} and {}, "
                    "and at least one thread, not {}",
                    rounding.algorithm, rounding.share, rounding.raises, rounding.descent_passes,
                    rounding.threads));
}

}  // namespace

void check_grid(const MatrixView& weights, const WeightGrid& grid) {
  if (grid.rows() != weights.rows || grid.cols() != weights.cols)
    throw Error(ErrorCode::shape_mismatch, fmt::format("the grid is {}x{}, but the weights are {}x{}",
                                                       grid.rows(), grid.cols(), weights.rows, weights.cols));
}

WeightGrid grid_for(const MatrixView& weights, const AnyQuantizer& quantizer,
                    std::span<const OutputError> errors) {
  const std::vector<float> importance = input_importance(errors, weights.rows);
  return WeightGrid(weights, quantizer, {importance.data(), weights.rows, weights.cols});
}

double sum_of(std::span<const double> losses) {
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum;
}

std::vector<Sweep> make_sweeps(std::span<const OutputError> errors, const SweepRounding& rounding) {
  std::vector<std::optional<Sweep>> made(errors.size());
  for_rows(static_cast<std::int64_t>(errors.size()), 1, rounding.threads, [&](std::int64_t g, std::int64_t) {
    const auto i = static_cast<std::size_t>(g);
    made[i].emplace(errors[i],
                    SweepOptions{.damping = rounding.damping(errors[i], rounding.share),
                                 .raises = rounding.raises,
                                 .act_order = rounding.act_order},
                    i);
  });
  std::vector<Sweep> sweeps;
  for (std::optional<Sweep>& sweep : made) sweeps.push_back(std::move(*sweep));
  return sweeps;
}

void report_damping(RoundingReport& report, std::span<const Sweep> sweeps) {
  for (const Sweep& sweep : sweeps) {
    report.damping = std::max(report.damping, sweep.damping());
    report.tries = std::max(report.tries, sweep.tries());
  }
  if (report.tries > 1)
    report.note = fmt::format(
        "the damping was raised {} times, to {}: second moments could not be factorized with less",
        report.tries - 1, report.damping);
}

RoundingResult round_by_sweep(const MatrixView& weights, const WeightGrid& grid,
                              std::span<const OutputError> errors, const SweepRounding& rounding) {
  check(rounding);
  const Objective objective(weights, errors, rounding.threads);
  check_grid(weights, grid);
  const std::vector<Sweep> sweeps = make_sweeps(errors, rounding);
  const std::int64_t n = weights.cols;
  std::vector<int> choice(static_cast<std::size_t>(weights.rows * n));
  std::vector<double> before(static_cast<std::size_t>(weights.rows)), after(before.size());
  std::vector<SweepRow> rows;
  for (std::int64_t r = 0; r < weights.rows; ++r)
    rows.push_back({.grid = &grid,
                    .row = r,
                    .group = objective.group(r),
                    .weights = objective.weights(r),
                    .slope = rounding.use_slope ? objective.slope(r) : nullptr,
                    .choice = choice.data() + r * n});
  round_rows(sweeps, rows, rounding.threads);
  for_rows(weights.rows, kRowsAtATime, rounding.threads, [&](std::int64_t first, std::int64_t last) {
    std::vector<RowPlace> places;
    for (std::int64_t r = first; r < last; ++r) places.push_back({r, &grid, r});
    const auto part = [&](std::span<const int> all) {
      return all.subspan(static_cast<std::size_t>(first * n), static_cast<std::size_t>((last - first) * n));
    };
    const std::vector<RowCodes> start = row_codes(objective, places, part(grid.start()));
    std::vector<RowCodes> rounded = row_codes(objective, places, part(choice));
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::int64_t r = places[i].row;
      if (descend(objective, places[i], rounded[i], rounding.descent_passes))
        std::copy(rounded[i].choice.begin(), rounded[i].choice.end(), choice.begin() + r * n);
      before[static_cast<std::size_t>(r)] = start[i].loss;
      after[static_cast<std::size_t>(r)] = rounded[i].loss;
    }
  });
  RoundingResult result{
      .codes = grid.matrix(choice),
      .report = {
          .algorithm = rounding.algorithm, .loss_before = sum_of(before), .loss_after = sum_of(after)}};
  report_damping(result.report, sweeps);
  return result;
}

}  // namespace lowbit::detail
