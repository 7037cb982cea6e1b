// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/hqq.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/quant/detail/storage.h"
#include "recover/for_rows.h"
#include "recover/join_rows.h"
#include "recover/round_by_sweep.h"

namespace lowbit {
namespace detail {
namespace {

void check(const HqqOptions& o) {
  if (!(o.p > 0 && o.p <= 1) || !(o.beta > 0) || !(o.growth >= 1) || !std::isfinite(o.beta * o.growth) ||
      o.iterations < 1 || o.threads < 1)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("hqq takes a p above 0, at most 1, a beta above 0 that grows, at least one iteration and "
                    "thread; not {}, {}, {}, {} and {}",
                    o.p, o.beta, o.growth, o.iterations, o.threads));
}

/// What is fitted: sums over the weights that share a parameter.
enum class Fitted { offsets, scales, levels };

/// Rows that share nothing with others: one, or all of them.
class HalfQuadratic {
 public:
  HalfQuadratic(const MatrixView& weights, std::int64_t first, WeightGrid grid, const HqqOptions& options)
      : weights_(weights), first_(first), best_(std::move(grid)), options_(options) {
    before_ = loss_ = loss_of(best_);
  }

  void improve() {
    const std::optional<Fitted> fitted = what();
    if (!fitted) return;
    WeightGrid grid = best_;
    double beta = options_.beta;
    for (int i = 0; i < options_.iterations; ++i, beta *= options_.growth) {
      std::optional<QuantizedMatrix> q = refitted(grid, *fitted, beta);
      if (!q) return;
      grid = nearest_on(grid.refitted(std::move(*q)));
      const double loss = loss_of(grid);
      if (!(loss < loss_)) return;
      loss_ = loss, best_ = grid;
    }
  }
  const QuantizedMatrix& matrix() const { return best_.fitted(); }
  double before() const { return before_; }
  double after() const { return loss_; }

 private:
  double weight(std::int64_t r, std::int64_t c) const { return double(weights_(first_ + r, c)); }

  template <class F>
  void each(const WeightGrid& grid, const F& f) const {
    std::size_t i = 0;
    for (std::int64_t r = 0; r < grid.rows(); ++r)
      for (std::int64_t c = 0; c < grid.cols(); ++c, ++i)
        f(r, c, grid.start()[i], double(grid.value(r, c, grid.start()[i])));
  }

  double loss_of(const WeightGrid& grid) const {
    double sum = 0;
    each(grid, [&](std::int64_t r, std::int64_t c, int, double q) {
      sum += std::pow(std::fabs(weight(r, c) - q), options_.p);
    });
    return sum;
  }

  std::optional<Fitted> what() const {
    const QuantizedMatrix& q = best_.fitted();
    if (q.format == WeightFormat::b1) return std::nullopt;
    if (best_.free_levels()) return Fitted::levels;
    if (!q.offsets.empty()) return Fitted::offsets;
    return best_.free_scales() ? std::optional(Fitted::scales) : std::nullopt;
  }

  WeightGrid nearest_on(const WeightGrid& grid) const {
    std::vector<int> choice;
    for (std::int64_t r = 0; r < grid.rows(); ++r)
      for (std::int64_t c = 0; c < grid.cols(); ++c) choice.push_back(grid.nearest(r, c, weight(r, c)));
    return grid.refitted(grid.matrix(choice));
  }

  // The error that a weight is allowed.
  double shrunk(double error, double unit, double beta) const {
    const double x = std::fabs(error) / unit;
    return x > 0 ? std::copysign(std::max(0.0, x - std::pow(x, options_.p - 1) / beta) * unit, error) : 0.0;
  }

  // Numerators and denominators of the least squares, one for each parameter.
  struct Sums {
    std::vector<double> above, below;
    void add(std::size_t i, double a, double b) { above[i] += a, below[i] += b; }
  };

  std::optional<QuantizedMatrix> refitted(const WeightGrid& grid, Fitted fitted, double beta) const {
    QuantizedMatrix q = grid.fitted();
    const bool tensor = q.granularity.kind == Granularity::Kind::tensor;
    const auto entry = [&](std::int64_t r, std::int64_t c) {
      return tensor ? 0 : static_cast<std::size_t>(r * q.groups() + c / grid.group_size());
    };
    const std::size_t count = fitted == Fitted::levels ? grid.values(0, 0).size() : q.scales.size();
    Sums sums{std::vector<double>(count), std::vector<double>(count)};
    each(grid, [&](std::int64_t r, std::int64_t c, int chosen, double value) {
      const std::size_t i = entry(r, c);
      const double scale = double(q.scales[i]), offset = q.offsets.empty() ? 0.0 : double(q.offsets[i]);
      // Tables have no step; their mean distance is one.
      const double unit = fitted == Fitted::levels ? table_step(grid) * scale : scale;
      const double target = weight(r, c) - shrunk(weight(r, c) - value, unit, beta);
      const double steps = (value - offset) / scale;
      if (fitted == Fitted::levels)
        sums.add(static_cast<std::size_t>(chosen), target * scale, scale * scale);
      else if (fitted == Fitted::offsets)
        sums.add(i, target - (value - offset), 1.0);
      else
        sums.add(i, steps * target, steps * steps);
    });
    return put(grid, fitted, sums, std::move(q), tensor);
  }

  static double table_step(const WeightGrid& grid) {
    const auto values = grid.values(0, 0);
    const double width = double(values.back()) - double(values.front());
    const double scale = double(grid.fitted().scales[0]);
    return width > 0 ? width / scale / static_cast<double>(values.size() - 1) : 1.0;
  }

  static std::optional<QuantizedMatrix> put(const WeightGrid& grid, Fitted fitted, const Sums& sums,
                                            QuantizedMatrix q, bool tensor) {
    const auto mean = [&](std::size_t i, float otherwise) {
      return sums.below[i] > 0 ? static_cast<float>(sums.above[i] / sums.below[i]) : otherwise;
    };
    if (fitted == Fitted::levels) {
      const std::size_t table = q.table_size();  // one, or one for each row
      for (std::size_t first = 0; first < q.levels.size(); first += table)
        for (std::size_t code = 0; code < table; ++code) {
          const int index = grid.index(0, 0, static_cast<std::int32_t>(code));
          float& level = q.levels[first + code];
          level = mean(static_cast<std::size_t>(index), level);
        }
      return q;
    }
    for (std::size_t i = 0; i < q.scales.size(); ++i) {
      const std::size_t from = tensor ? 0 : i;
      if (fitted == Fitted::offsets) {
        const float offset = mean(from, q.offsets[i]);
        q.offsets[i] = std::copysign(grid.stored_scale(std::fabs(offset)), offset);
      } else {
        q.scales[i] = grid.stored_scale(mean(from, q.scales[i]));
        if (!is_scale(q.scales[i])) return std::nullopt;
      }
    }
    return q;
  }

  MatrixView weights_;
  std::int64_t first_;
  WeightGrid best_;
  const HqqOptions& options_;
  double before_ = 0, loss_ = 0;
};

void check_weights(const MatrixView& weights) {
  for (std::int64_t r = 0; r < weights.rows; ++r)
    for (std::int64_t c = 0; c < weights.cols; ++c)
      if (!std::isfinite(weights(r, c)))
        throw Error(ErrorCode::invalid_argument, fmt::format("weight ({}, {}) is {}", r, c, weights(r, c)));
}

}  // namespace
}  // namespace detail

RoundingResult hqq(const MatrixView& weights, const WeightGrid& grid, const HqqOptions& options) {
  using namespace detail;
  check(options);
  check_grid(weights, grid);
  check_weights(weights);
  RoundingResult result{.codes = {}, .report = {.algorithm = "hqq"}};
  if (rows_share_parameters(grid)) {
    HalfQuadratic all(weights, 0, grid, options);
    for_rows(1, 1, 1, [&](std::int64_t, std::int64_t) { all.improve(); });
    result.codes = all.matrix();
    result.report.loss_before = all.before();
    result.report.loss_after = all.after();
    return result;
  }
  std::vector<QuantizedMatrix> rows(static_cast<std::size_t>(weights.rows));
  std::vector<double> before(rows.size()), after(rows.size());
  for_rows(weights.rows, 1, options.threads, [&](std::int64_t r, std::int64_t) {
    const auto i = static_cast<std::size_t>(r);
    HalfQuadratic row(weights, r, grid.part(r, 1), options);
    row.improve();
    rows[i] = row.matrix();
    before[i] = row.before();
    after[i] = row.after();
  });
  result.codes = joined_rows(grid.fitted(), rows);
  result.report.loss_before = sum_of(before);
  result.report.loss_after = sum_of(after);
  return result;
}

RoundingResult hqq(const MatrixView& weights, const AnyQuantizer& quantizer, const HqqOptions& options) {
  return hqq(weights, WeightGrid(weights, quantizer), options);
}

}  // namespace lowbit
