// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/adaround.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/core/error.h"
#include "recover/dense.h"
#include "recover/descent.h"
#include "recover/for_rows.h"
#include "recover/round_by_sweep.h"

namespace lowbit {
namespace detail {
namespace {

constexpr double kLow = -0.1, kHigh = 1.1;  // the ends of the stretched sigmoid

void check(const AdaRoundOptions& o) {
  const bool good = o.iterations >= 1 && o.rate > 0 && std::isfinite(o.rate) && o.regularizer >= 0 &&
                    std::isfinite(o.regularizer) && o.warm_up >= 0 && o.warm_up <= 1 && o.last_beta > 0 &&
                    o.first_beta >= o.last_beta && o.descent_passes >= 0 && o.threads >= 1;
  if (!good)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("adaround takes at least one iteration and thread, a rate above 0, a warm-up from 0 to 1 "
                    "and betas that fall; not {}, {}, {}, {} and {} to {}",
                    o.iterations, o.threads, o.rate, o.warm_up, o.first_beta, o.last_beta));
}

/// The choice of each weight between two neighbouring values, as it is learned. Arrays are [rows][n].
struct SoftRows {
  std::vector<int> low;
  std::vector<double> base, step;   // low value; distance to the next, 0 for a weight beyond the ends
  std::vector<double> v, m, s;      // the variable and Adam's means
  std::vector<double> h, rise;      // h(v) and its derivative
  std::vector<double> d, gradient;  // value - weight, and half of the loss's derivative
};

class AdaRounding {
 public:
  AdaRounding(const Objective& objective, const WeightGrid& grid, const AdaRoundOptions& options,
              std::int64_t first, std::int64_t count)
      : objective_(objective), grid_(grid), options_(options), first_(first), count_(count), n_(grid.cols()) {
    start();
  }

  /// The hard choices of all rows.
  std::vector<int> learned() {
    for (int i = 0; i < options_.iterations; ++i) step(i);
    std::vector<int> choice(rows_.low);
    for (std::size_t i = 0; i < choice.size(); ++i) choice[i] += rows_.h[i] >= 0.5 && rows_.step[i] > 0;
    return choice;
  }

 private:
  std::size_t at(std::int64_t r, std::int64_t c) const { return static_cast<std::size_t>(r * n_ + c); }

  void start() {
    const auto size = static_cast<std::size_t>(count_ * n_);
    rows_.low.resize(size);
    for (auto* v : {&rows_.base, &rows_.step, &rows_.v, &rows_.m, &rows_.s, &rows_.h, &rows_.rise, &rows_.d,
                    &rows_.gradient})
      v->assign(size, 0.0);
    for (std::int64_t r = 0; r < count_; ++r) {
      double unit = 0;
      for (std::int64_t c = 0; c < n_; ++c) {
        place(r, c);
        const double step = rows_.step[at(r, c)];
        unit += objective_.h(first_ + r)[c * n_ + c] * step * step;
      }
      // What a weight in the middle costs, on the average.
      units_.push_back(unit > 0 ? unit / (4 * static_cast<double>(n_)) : 1.0);
    }
    soften();
  }

  void place(std::int64_t r, std::int64_t c) {
    const std::size_t i = at(r, c);
    const double w = objective_.weights(first_ + r)[c];
    const std::span<const float> values = grid_.values(first_ + r, c);
    const auto above =
        std::upper_bound(values.begin(), values.end(), w, [](double x, float v) { return x < double(v); });
    const bool inside = above != values.begin() && above != values.end();
    const auto low = above == values.begin() ? above : above - 1;
    rows_.low[i] = static_cast<int>(low - values.begin());
    rows_.base[i] = double(*low);
    if (!inside) return;
    rows_.step[i] = double(*above) - double(*low);
    const double share = (w - double(*low)) / rows_.step[i], p = (share - kLow) / (kHigh - kLow);
    rows_.v[i] = std::log(p / (1 - p));
  }

  // Values between two of the grid.
  void soften() {
    for (std::size_t i = 0; i < rows_.v.size(); ++i) {
      const double sigmoid = 1 / (1 + std::exp(-rows_.v[i])), stretched = sigmoid * (kHigh - kLow) + kLow;
      const bool cut = stretched < 0 || stretched > 1;
      rows_.h[i] = std::clamp(stretched, 0.0, 1.0);
      rows_.rise[i] = cut ? 0.0 : sigmoid * (1 - sigmoid) * (kHigh - kLow);
    }
  }

  void find_gradient() {
    for (std::int64_t r = 0; r < count_; ++r) {
      const double* w = objective_.weights(first_ + r);
      const double* slope = objective_.slope(first_ + r);
      for (std::int64_t c = 0; c < n_; ++c) {
        const std::size_t i = at(r, c);
        rows_.d[i] = rows_.base[i] + rows_.step[i] * rows_.h[i] - w[c];
        rows_.gradient[i] = slope ? slope[c] : 0.0;
      }
    }
    // Rows of one group share H.
    for (std::int64_t r = 0; r < count_;) {
      std::int64_t end = r + 1;
      while (end < count_ && objective_.group(first_ + end) == objective_.group(first_ + r)) ++end;
      multiply_add(rows_.gradient.data() + at(r, 0), n_, end - r, n_, n_, {rows_.d.data() + at(r, 0), n_, 1},
                   objective_.h(first_ + r), n_);
      r = end;
    }
  }

  double beta(int iteration) const {
    const double warm = options_.warm_up * options_.iterations;
    const double done = (iteration - warm) / std::max(1.0, options_.iterations - warm);
    return options_.last_beta +
           0.5 * (options_.first_beta - options_.last_beta) * (1 + std::cos(done * 3.14159265358979));
  }

  void step(int iteration) {
    constexpr double kMean = 0.9, kSquare = 0.999, kTiny = 1e-8;
    find_gradient();
    const bool regular = iteration >= options_.warm_up * options_.iterations;
    const double b = regular ? beta(iteration) : 0;
    const double first = 1 - std::pow(kMean, iteration + 1), second = 1 - std::pow(kSquare, iteration + 1);
    for (std::int64_t r = 0; r < count_; ++r)
      for (std::int64_t c = 0; c < n_; ++c) {
        const std::size_t i = at(r, c);
        if (!(rows_.step[i] > 0) || rows_.rise[i] == 0) continue;
        double g = 2 * rows_.gradient[i] * rows_.step[i] / units_[static_cast<std::size_t>(r)];
        const double side = 2 * rows_.h[i] - 1;
        if (regular && side != 0)
          g -= std::copysign(2 * options_.regularizer * b * std::pow(std::fabs(side), b - 1), side);
        g *= rows_.rise[i];
        rows_.m[i] = kMean * rows_.m[i] + (1 - kMean) * g;
        rows_.s[i] = kSquare * rows_.s[i] + (1 - kSquare) * g * g;
        rows_.v[i] -= options_.rate * (rows_.m[i] / first) / (std::sqrt(rows_.s[i] / second) + kTiny);
      }
    soften();
  }

  const Objective& objective_;
  const WeightGrid& grid_;
  const AdaRoundOptions& options_;
  std::int64_t first_, count_, n_;
  SoftRows rows_;
  std::vector<double> units_;
};

}  // namespace
}  // namespace detail

RoundingResult adaround(const MatrixView& weights, const WeightGrid& grid,
                        std::span<const OutputError> errors, const AdaRoundOptions& options) {
  using namespace detail;
  check(options);
  const Objective objective(weights, errors, options.threads);
  check_grid(weights, grid);
  const auto n = static_cast<std::size_t>(weights.cols), rows = static_cast<std::size_t>(weights.rows);
  std::vector<int> choice(grid.start().begin(), grid.start().end());
  std::vector<double> before(rows), after(rows);
  std::vector<char> kept(rows);
  for_rows(weights.rows, kRowsAtATime, options.threads, [&](std::int64_t first, std::int64_t last) {
    const std::vector<int> learned = AdaRounding(objective, grid, options, first, last - first).learned();
    for (std::int64_t r = first; r < last; ++r) {
      const auto i = static_cast<std::size_t>(r);
      const RowPlace place{r, &grid, r};
      before[i] = row_codes(objective, place, grid.start().subspan(i * n, n)).loss;
      RowCodes codes =
          row_codes(objective, place, std::span(learned).subspan(static_cast<std::size_t>(r - first) * n, n));
      kept[i] = !(codes.loss < before[i]);
      if (kept[i]) codes = row_codes(objective, place, grid.start().subspan(i * n, n));
      descend(objective, place, codes, options.descent_passes);
      std::copy(codes.choice.begin(), codes.choice.end(),
                choice.begin() + static_cast<std::ptrdiff_t>(i * n));
      after[i] = codes.loss;
    }
  });
  RoundingResult result{
      .codes = grid.matrix(choice),
      .report = {.algorithm = "adaround", .loss_before = sum_of(before), .loss_after = sum_of(after)}};
  const auto count = std::count(kept.begin(), kept.end(), 1);
  if (count > 0)
    result.report.note = fmt::format(
        "{} of {} rows kept the nearest codes: learning found none that are better", count, weights.rows);
  return result;
}

RoundingResult adaround(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                        const AdaRoundOptions& options) {
  const std::vector<OutputError> errors = output_errors(moments);
  return adaround(weights, detail::grid_for(weights, quantizer, errors), errors, options);
}

}  // namespace lowbit
