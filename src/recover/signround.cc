// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/signround.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/core/error.h"
#include "recover/descent.h"
#include "recover/for_rows.h"
#include "recover/join_rows.h"
#include "recover/round_by_sweep.h"

namespace lowbit {
namespace detail {
namespace {

void check(const SignRoundOptions& o) {
  if (o.steps < 1 || !(o.rate >= 0) || !std::isfinite(o.rate) ||
      !(o.least_factor > 0 && o.least_factor <= 1) || o.threads < 1)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("signround takes at least one step and thread, a rate of at least 0 and a least factor "
                    "above 0, at most 1; not {}, {}, {} and {}",
                    o.steps, o.threads, o.rate, o.least_factor));
}

double sign(double x) {
  return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0;
}

/// One row on its way.
class SignRounding {
 public:
  SignRounding(const Objective& objective, const WeightGrid& grid, std::int64_t row,
               const SignRoundOptions& options)
      : objective_(objective),
        options_(options),
        row_(row),
        first_(grid.part(row, 1)),
        grid_(first_),
        best_grid_(first_),
        v_(static_cast<std::size_t>(grid.cols())),
        factors_(first_.fitted().scales.size(), 1.0) {
    clip_ = options.clip && first_.free_scales() && !first_.free_levels() &&
            grid.fitted().granularity.kind != Granularity::Kind::tensor;
    codes_ = best_ = row_codes(objective, {row, &first_, 0}, first_.start());
    before_ = best_.loss;
  }

  void learn() {
    const double rate = options_.rate > 0 ? options_.rate : 1.0 / options_.steps;
    for (int step = 0; step < options_.steps; ++step) {
      move(rate * (1 - static_cast<double>(step) / options_.steps));
      round();
      if (codes_.loss < best_.loss) best_ = codes_, best_grid_ = grid_;
    }
  }
  QuantizedMatrix matrix() const { return best_grid_.matrix(best_.choice); }
  double before() const { return before_; }
  double after() const { return best_.loss; }

 private:
  // The distance of the values around w.
  double distance(std::int64_t c) const {
    const double w = objective_.weights(row_)[c];
    const std::span<const float> values = grid_.values(0, c);
    const auto above = std::clamp<std::ptrdiff_t>(
        std::upper_bound(values.begin(), values.end(), w, [](double x, float v) { return x < double(v); }) -
            values.begin(),
        1, static_cast<std::ptrdiff_t>(values.size()) - 1);
    return double(values[static_cast<std::size_t>(above)]) -
           double(values[static_cast<std::size_t>(above - 1)]);
  }

  // A weight beyond the ends of its values: it does not follow its offset.
  bool cut(std::int64_t c) const {
    const double w = objective_.weights(row_)[c];
    return w < double(grid_.values(0, c).front()) || w > double(grid_.values(0, c).back());
  }

  void move(double rate) {
    const QuantizedMatrix& q = grid_.fitted();
    std::vector<double> slopes(factors_.size());
    for (std::int64_t c = 0; c < grid_.cols(); ++c) {
      const auto i = static_cast<std::size_t>(c), group = static_cast<std::size_t>(c / grid_.group_size());
      const double g = codes_.gradient[i];
      // Values are a s k + offset with k = round((w - offset) / (a s) + v): straight through the rounding,
      // the derivative by a s is k - (w - offset) / (a s), and k for a weight that is cut.
      if (clip_ && q.format != WeightFormat::b1) {
        const double offset = q.offsets.empty() ? 0.0 : double(q.offsets[group]);
        const double inside = cut(c) ? 0.0 : objective_.weights(row_)[c] - offset;
        slopes[group] += g * (codes_.values[i] - offset - inside);
      }
      if (!cut(c)) v_[i] = std::clamp(v_[i] - rate * sign(g), -0.5, 0.5);
    }
    for (std::size_t group = 0; group < factors_.size(); ++group)
      factors_[group] = std::clamp(factors_[group] - rate * sign(slopes[group]), options_.least_factor, 1.0);
  }

  void round() {
    if (clip_) {
      QuantizedMatrix q = first_.fitted();
      for (std::size_t i = 0; i < q.scales.size(); ++i)
        q.scales[i] = first_.stored_scale(static_cast<float>(double(q.scales[i]) * factors_[i]));
      grid_ = first_.refitted(std::move(q));
    }
    std::vector<int> choice(v_.size());
    for (std::int64_t c = 0; c < grid_.cols(); ++c) {
      const auto i = static_cast<std::size_t>(c);
      choice[i] = grid_.nearest(0, c, objective_.weights(row_)[c] + v_[i] * distance(c));
    }
    codes_ = row_codes(objective_, {row_, &grid_, 0}, choice);
  }

  const Objective& objective_;
  const SignRoundOptions& options_;
  std::int64_t row_;
  WeightGrid first_, grid_, best_grid_;
  std::vector<double> v_, factors_;
  RowCodes codes_, best_;
  double before_ = 0;
  bool clip_ = false;
};

}  // namespace
}  // namespace detail

RoundingResult signround(const MatrixView& weights, const WeightGrid& grid,
                         std::span<const OutputError> errors, const SignRoundOptions& options) {
  using namespace detail;
  check(options);
  const Objective objective(weights, errors, options.threads);
  check_grid(weights, grid);
  std::vector<QuantizedMatrix> rows(static_cast<std::size_t>(weights.rows));
  std::vector<double> before(rows.size()), after(rows.size());
  for_rows(weights.rows, 1, options.threads, [&](std::int64_t r, std::int64_t) {
    const auto i = static_cast<std::size_t>(r);
    SignRounding rounding(objective, grid, r, options);
    rounding.learn();
    rows[i] = rounding.matrix();
    before[i] = rounding.before();
    after[i] = rounding.after();
  });
  return {.codes = joined_rows(grid.fitted(), rows),
          .report = {.algorithm = "signround", .loss_before = sum_of(before), .loss_after = sum_of(after)}};
}

RoundingResult signround(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const LayerMoments& moments, const SignRoundOptions& options) {
  const std::vector<OutputError> errors = output_errors(moments);
  return signround(weights, detail::grid_for(weights, quantizer, errors), errors, options);
}

}  // namespace lowbit
