// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/coordinate_descent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/qronos.h"
#include "recover/for_rows.h"
#include "recover/join_rows.h"
#include "recover/refit.h"
#include "recover/round_by_sweep.h"

namespace lowbit {
namespace detail {
namespace {

using Options = CoordinateDescentOptions;

constexpr double kWorthATurn = 1e-4;
constexpr float kAround[] = {0.94f, 0.97f, 1.03f, 1.06f};
constexpr std::size_t kTogether = 16;  // starts of a row whose gradients are found together

void check(const Options& options, const WeightGrid& grid) {
  if (options.passes < 1 || options.turns < 1 || options.kept < 1 || options.threads < 1)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "coordinate descent takes at least one pass, turn, start and thread, not {}, {}, {} and {}",
            options.passes, options.turns, options.kept, options.threads));
  for (const float f : options.scale_factors)
    if (!(f > 0) || !std::isfinite(f))
      throw Error(ErrorCode::invalid_argument, fmt::format("{} is no factor of scales", f));
  if (!options.from.empty()) static_cast<void>(grid.matrix(options.from));  // checks the indices
}

/// GPTQ's or Qronos's.
struct Sweeps {
  std::vector<Sweep> groups;
  bool use_slope = false;
};

/// Rows that share what is fitted again, from their starts to the best codes. The grid's own start is among
/// the starts, so that nothing becomes worse; it is not the nearest codes where a quantizer has a threshold.
class Scope {
 public:
  Scope(const Objective& objective, const WeightGrid& grid, std::int64_t first, const Options& options,
        std::span<const Sweeps> sweeps, int threads)
      : objective_(objective),
        grid_(grid),
        first_(first),
        options_(options),
        sweeps_(sweeps),
        threads_(threads) {
    add_grids();
    add(rows_on_grid(objective_, first_, grid_, threads_));
    for (const RowCodes& row : starts_.front().rows) before_.push_back(row.loss);
    if (options.from_nearest) add_nearest();
    if (!options.from.empty()) add_given();
    for (const Sweeps& kind : sweeps) add_swept(kind);
    flush();
  }

  RowsOnGrid improved() {
    for (RowsOnGrid& rows : starts_) improve(rows);
    return std::move(
        *std::min_element(starts_.begin(), starts_.end(),
                          [](const RowsOnGrid& a, const RowsOnGrid& b) { return a.loss < b.loss; }));
  }
  /// Of the grid's start(), row by row.
  const std::vector<double>& before() const { return before_; }

 private:
  std::int64_t rows() const { return grid_.rows(); }

  void add_grids() {
    grids_.push_back(grid_);
    if (!options_.refit || grid_.free_levels() || !grid_.free_scales()) return;
    for (const float factor : options_.scale_factors) add_scaled(grids_, grid_, factor);
  }

  static void add_scaled(std::vector<WeightGrid>& grids, const WeightGrid& grid, float factor) {
    QuantizedMatrix q = grid.fitted();
    bool possible = factor != 1.0f;
    for (float& s : q.scales) s = grid.stored_scale(s * factor), possible &= is_scale(s);
    if (possible) grids.push_back(grid.refitted(std::move(q)));
  }

  void add_nearest() {
    for (std::size_t g = 0; g < grids_.size(); ++g) {
      std::vector<int> choice;
      for (std::int64_t r = 0; r < rows(); ++r)
        for (std::int64_t c = 0; c < grid_.cols(); ++c)
          choice.push_back(grids_[g].nearest(r, c, objective_.weights(first_ + r)[c]));
      propose(g, choice);
    }
  }

  void add_given() {
    const auto n = static_cast<std::size_t>(grid_.cols());
    propose(
        0, options_.from.subspan(static_cast<std::size_t>(first_) * n, static_cast<std::size_t>(rows()) * n));
  }

  // Starts of one row wait for each other, to be looked at together.
  void propose(std::size_t g, std::span<const int> choice) {
    if (rows() > 1) return add(start(grids_[g], choice));
    waiting_grids_.push_back(g);
    waiting_.insert(waiting_.end(), choice.begin(), choice.end());
    if (waiting_grids_.size() == kTogether) flush();
  }

  void flush() {
    std::vector<RowPlace> places;
    for (const std::size_t g : waiting_grids_) places.push_back({first_, &grids_[g], 0});
    std::vector<RowCodes> codes = row_codes(objective_, places, waiting_);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (starts_.size() == static_cast<std::size_t>(options_.kept) && !(codes[i].loss < starts_.back().loss))
        continue;
      const double loss = codes[i].loss;
      add({.first = first_, .grid = grids_[waiting_grids_[i]], .rows = {std::move(codes[i])}, .loss = loss});
    }
    waiting_grids_.clear();
    waiting_.clear();
  }

  RowsOnGrid start(const WeightGrid& grid, std::span<const int> choice) const {
    return rows_on_grid(objective_, first_, grid.refitted(grid.matrix(choice)), threads_);
  }

  // The best so far, in order of their losses; of equal ones the first.
  void add(RowsOnGrid rows) {
    const auto at =
        std::upper_bound(starts_.begin(), starts_.end(), rows,
                         [](const RowsOnGrid& a, const RowsOnGrid& b) { return a.loss < b.loss; });
    starts_.insert(at, std::move(rows));
    if (starts_.size() > static_cast<std::size_t>(options_.kept)) starts_.pop_back();
  }

  // All grids of one row at once, which share what a sweep reads; else one after the other, for memory's
  // sake.
  void add_swept(const Sweeps& sweeps) {
    const std::size_t at_once = rows() == 1 ? grids_.size() : 1;
    const auto size = static_cast<std::size_t>(rows() * grid_.cols());
    for (std::size_t begin = 0; begin < grids_.size(); begin += at_once) {
      const std::vector<int> choice = swept(sweeps, std::span(grids_).subspan(begin, at_once));
      for (std::size_t i = 0; i < at_once; ++i) propose(begin + i, std::span(choice).subspan(i * size, size));
    }
  }

  std::vector<int> swept(const Sweeps& sweeps, std::span<const WeightGrid> grids) const {
    const std::int64_t n = grid_.cols();
    std::vector<int> choice(grids.size() * static_cast<std::size_t>(rows() * n));
    std::vector<SweepRow> sweep_rows;
    for (std::size_t g = 0; g < grids.size(); ++g)
      for (std::int64_t r = 0; r < rows(); ++r)
        sweep_rows.push_back({.grid = &grids[g],
                              .row = r,
                              .group = objective_.group(first_ + r),
                              .weights = objective_.weights(first_ + r),
                              .slope = sweeps.use_slope ? objective_.slope(first_ + r) : nullptr,
                              .choice = choice.data() + (static_cast<std::int64_t>(g) * rows() + r) * n});
    round_rows(sweeps.groups, sweep_rows, threads_);
    return choice;
  }

  bool descend_all(RowsOnGrid& rows) {
    std::vector<char> changed(rows.rows.size());
    for_rows(static_cast<std::int64_t>(rows.rows.size()), 1, threads_, [&](std::int64_t r, std::int64_t) {
      const auto i = static_cast<std::size_t>(r);
      changed[i] = descend(objective_, rows.place(i), rows.rows[i], options_.passes);
    });
    rows.loss = 0;
    for (const RowCodes& row : rows.rows) rows.loss += row.loss;
    return std::find(changed.begin(), changed.end(), 1) != changed.end();
  }

  // Fits come first: descent would bend the codes to a scale that is not to stay.
  void settle(RowsOnGrid& rows) {
    if (!options_.refit) {
      descend_all(rows);
      return;
    }
    const std::vector<Refit> refits = refits_of(rows.grid);
    for (int turn = 0; turn < options_.turns; ++turn) {
      const double before = rows.loss;
      for (const Refit what : refits) refit(objective_, rows, what, threads_);
      if (!descend_all(rows) || before - rows.loss < kWorthATurn * std::fabs(before)) break;
    }
  }

  // Sweeps over the scales that were found, and over some a little smaller and larger, are another way out of
  // the minimum that they were found in.
  void improve(RowsOnGrid& rows) {
    settle(rows);
    if (!options_.refit || sweeps_.empty()) return;
    for (int turn = 0; turn < options_.turns; ++turn) {
      RowsOnGrid again = swept_around(rows);
      settle(again);
      if (!(rows.loss - again.loss > kWorthATurn * std::fabs(rows.loss))) return;
      rows = std::move(again);
    }
  }

  RowsOnGrid swept_around(const RowsOnGrid& rows) const {
    std::vector<WeightGrid> grids{rows.grid};
    if (grids_.size() > 1)
      for (const float factor : kAround) add_scaled(grids, rows.grid, factor);
    if (rows.rows.size() == 1) return best_of(grids, swept(sweeps_.back(), grids));
    std::optional<RowsOnGrid> best;
    for (const WeightGrid& grid : grids) {
      RowsOnGrid candidate = start(grid, swept(sweeps_.back(), {&grid, 1}));
      if (!best || candidate.loss < best->loss) best = std::move(candidate);
    }
    return std::move(*best);
  }

  // Of one row on several grids.
  RowsOnGrid best_of(std::span<const WeightGrid> grids, std::span<const int> choice) const {
    std::vector<RowPlace> places;
    for (const WeightGrid& grid : grids) places.push_back({first_, &grid, 0});
    std::vector<RowCodes> codes = row_codes(objective_, places, choice);
    const auto best = std::min_element(codes.begin(), codes.end(),
                                       [](const RowCodes& a, const RowCodes& b) { return a.loss < b.loss; });
    const double loss = best->loss;
    return {.first = first_,
            .grid = grids[static_cast<std::size_t>(best - codes.begin())],
            .rows = {std::move(*best)},
            .loss = loss};
  }

  const Objective& objective_;
  WeightGrid grid_;
  std::int64_t first_;
  const Options& options_;
  std::span<const Sweeps> sweeps_;
  int threads_;
  std::vector<WeightGrid> grids_;
  std::vector<RowsOnGrid> starts_;
  std::vector<std::size_t> waiting_grids_;  // of starts
  std::vector<int> waiting_;                // and their codes, one start behind the other
  std::vector<double> before_;
};

SweepRounding gptq_rounding(int threads) {
  const GptqOptions defaults;
  return {.algorithm = "gptq",
          .damping = gptq_damping,
          .share = defaults.damping,
          .raises = defaults.raises,
          .threads = threads};
}

SweepRounding qronos_rounding(int threads) {
  const QronosOptions defaults;
  return {.algorithm = "qronos",
          .damping = qronos_damping,
          .share = defaults.damping,
          .raises = defaults.raises,
          .threads = threads};
}

}  // namespace
}  // namespace detail

RoundingResult coordinate_descent(const MatrixView& weights, const WeightGrid& grid,
                                  std::span<const OutputError> errors,
                                  const CoordinateDescentOptions& options) {
  using namespace detail;
  check(options, grid);
  const Objective objective(weights, errors, options.threads);
  check_grid(weights, grid);
  std::vector<Sweeps> sweeps;
  if (options.from_gptq) sweeps.push_back({make_sweeps(errors, gptq_rounding(options.threads)), false});
  if (options.from_qronos && objective.slope(0))
    sweeps.push_back({make_sweeps(errors, qronos_rounding(options.threads)), true});
  RoundingResult result{.codes = {}, .report = {.algorithm = "coordinate_descent"}};
  RoundingReport& report = result.report;
  if (options.refit && rows_share_parameters(grid)) {
    Scope scope(objective, grid, 0, options, sweeps, options.threads);
    const RowsOnGrid best = scope.improved();
    std::vector<int> choice;
    for (const RowCodes& row : best.rows) choice.insert(choice.end(), row.choice.begin(), row.choice.end());
    result.codes = best.grid.matrix(choice);
    report.loss_before = sum_of(scope.before());
    report.loss_after = best.loss;
  } else {
    std::vector<QuantizedMatrix> rows(static_cast<std::size_t>(weights.rows));
    std::vector<double> before(rows.size()), after(rows.size());
    for_rows(weights.rows, 1, options.threads, [&](std::int64_t r, std::int64_t) {
      const auto i = static_cast<std::size_t>(r);
      Scope scope(objective, grid.part(r, 1), r, options, sweeps, 1);
      const RowsOnGrid best = scope.improved();
      rows[i] = best.grid.matrix(best.rows.front().choice);
      before[i] = sum_of(scope.before());
      after[i] = best.loss;
    });
    result.codes = joined_rows(grid.fitted(), rows);
    report.loss_before = sum_of(before);
    report.loss_after = sum_of(after);
  }
  for (const Sweeps& kind : sweeps) report_damping(report, kind.groups);
  return result;
}

RoundingResult coordinate_descent(const MatrixView& weights, const AnyQuantizer& quantizer,
                                  const LayerMoments& moments, const CoordinateDescentOptions& options) {
  const std::vector<OutputError> errors = output_errors(moments);
  return coordinate_descent(weights, detail::grid_for(weights, quantizer, errors), errors, options);
}

}  // namespace lowbit
