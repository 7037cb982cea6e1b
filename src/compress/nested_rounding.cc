// SPDX-License-Identifier: Apache-2.0
#include "compress/nested_rounding.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "compress/layer_objective.h"
#include "compress/nested_widths.h"
#include "recover/for_rows.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

constexpr std::size_t kWidths = 4;
constexpr std::array<int, kWidths> kShift = {6, 4, 2, 0};
/// An error below this share of the outputs does no harm, whatever a width could do alone.
constexpr double kHarmless = 1e-3;

/// One row in all widths while its codes are chosen.
class NestedRow {
 public:
  NestedRow(std::array<RowLoss, kWidths> losses, std::span<const double> weights)
      : n_(weights.size()), losses_(std::move(losses)), codes_(n_) {
    start(weights);
  }

  /// The loss of each width; the sums of them that count are what descent lowers.
  std::array<double, kWidths> loss() const {
    std::array<double, kWidths> all{};
    for (std::size_t b = 0; b < kWidths; ++b) {
      double sum = losses_[b].c;
      for (std::size_t k = 0; k < n_; ++k) sum += value(b, k) * (gradient_[b][k] - 2 * losses_[b].t[k]);
      all[b] = std::max(sum, 0.0);
    }
    return all;
  }

  void descend(const std::array<double, kWidths>& factors, int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      const std::size_t changed = sweep(factors);
      for (std::size_t b = 0; b < kWidths; ++b)
        if (factors[b] > 0) refit(b);
      if (changed == 0) break;
    }
  }

  /// Scales and levels as they are stored, and the codes.
  void store(NestedMatrix& matrix, std::int64_t row) {
    for (std::size_t b = 0; b < kWidths; ++b) refit(b);
    const auto r = index(row);
    const auto scale = static_cast<float>(scale_[3]);
    matrix.scales[r] = scale;
    std::copy(codes_.begin(), codes_.end(), matrix.codes.begin() + row * static_cast<std::int64_t>(n_));
    const auto byte = [](double x) {
      return static_cast<std::int8_t>(std::clamp(std::nearbyint(x), -127.0, 127.0));
    };
    for (std::size_t b = 1; b < 3; ++b)
      matrix.slices[b].ratios[r] =
          byte((scale_[b] / (scale_[3] * static_cast<double>(1 << kShift[b])) - 1) * kRatioSteps);
    for (std::size_t l = 0; l < 4; ++l) matrix.slices[0].levels[4 * r + l] = byte(levels_[l] / scale_[3]);
  }

 private:
  double value_of(std::size_t b, int code) const {
    return b == 0 ? levels_[index(code)] : scale_[b] * (code - kNestedZeros[b]);
  }
  double value(std::size_t b, std::size_t k) const { return value_of(b, codes_[k] >> kShift[b]); }

  /// The scale of 4 bits that brings the nearest codes closest, by the diagonal of H.
  void start(std::span<const double> weights) {
    double most = 1e-30;
    for (const double w : weights) most = std::max(most, std::abs(w));
    double best = std::numeric_limits<double>::infinity();
    for (int i = 8; i <= 20; ++i) {
      const double s = most * i / 20 / 7.5;
      double error = 0;
      for (std::size_t k = 0; k < n_; ++k) {
        const double q = s * std::clamp(std::nearbyint(weights[k] / s), -8.0, 7.0);
        error += losses_[1].h[k * n_ + k] * (weights[k] - q) * (weights[k] - q);
      }
      if (error < best) best = error, scale_[1] = s;
    }
    scale_[2] = scale_[1] / 4, scale_[3] = scale_[1] / 16;
    std::array<double, 4> sum{}, count{};
    for (std::size_t k = 0; k < n_; ++k) {
      codes_[k] = static_cast<std::uint8_t>(
          std::clamp(std::nearbyint(weights[k] / scale_[3]) + kNestedZeros[3], 0.0, 255.0));
      const double h = losses_[0].h[k * n_ + k];
      sum[codes_[k] >> 6] += h * weights[k], count[codes_[k] >> 6] += h;
    }
    for (std::size_t l = 0; l < 4; ++l)
      levels_[l] = count[l] > 0 ? sum[l] / count[l] : scale_[1] * (4 * static_cast<double>(l) - 6.5);
    for (std::size_t b = 0; b < kWidths; ++b) gradient_[b].resize(n_), find_gradient(b);
  }

  /// q H of the width.
  void find_gradient(std::size_t b) {
    std::fill(gradient_[b].begin(), gradient_[b].end(), 0.0);
    for (std::size_t k = 0; k < n_; ++k) add_row(b, k, value(b, k));
  }
  void add_row(std::size_t b, std::size_t k, double change) {
    if (change == 0) return;
    const double* h = losses_[b].h + k * n_;
    for (std::size_t j = 0; j < n_; ++j) gradient_[b][j] += change * h[j];
  }

  /// Each weight in turn takes the code of 8 bits whose sum of losses over the widths is least.
  std::size_t sweep(const std::array<double, kWidths>& factors) {
    std::size_t changed = 0;
    for (std::size_t k = 0; k < n_; ++k) {
      const std::uint8_t code = best_code(k, factors);
      if (code == codes_[k]) continue;
      ++changed;
      for (std::size_t b = 0; b < kWidths; ++b) add_row(b, k, value_of(b, code >> kShift[b]) - value(b, k));
      codes_[k] = code;
    }
    return changed;
  }

  std::uint8_t best_code(std::size_t k, const std::array<double, kWidths>& factors) const {
    std::array<std::array<double, 2>, kWidths> c{};  // change of loss: c0 d + c1 d^2
    for (std::size_t b = 0; b < kWidths; ++b)
      c[b] = {2 * factors[b] * (gradient_[b][k] - losses_[b].t[k]), factors[b] * losses_[b].h[k * n_ + k]};
    const auto cost = [&](std::size_t b, int code) {
      const double d = value_of(b, code) - value(b, k);
      return d * (c[b][0] + d * c[b][1]);
    };
    double best = 0;  // of staying
    std::uint8_t code = codes_[k];
    for (int two = 0; two < 4; ++two) {
      const double at2 = cost(0, two);
      for (int four = 4 * two; four < 4 * two + 4; ++four) {
        const double at4 = at2 + cost(1, four);
        for (int six = 4 * four; six < 4 * four + 4; ++six) {
          const double at6 = at4 + cost(2, six);
          for (int eight = 4 * six; eight < 4 * six + 4; ++eight)
            if (const double at8 = at6 + cost(3, eight); at8 < best - 1e-12 * std::abs(best))
              best = at8, code = static_cast<std::uint8_t>(eight);
        }
      }
    }
    return code;
  }

  /// Scale or levels of least loss with these codes.
  void refit(std::size_t b) {
    if (b == 0) {
      refit_levels();
    } else {
      double xt = 0, xhx = 0;
      for (std::size_t k = 0; k < n_; ++k)
        xt += value(b, k) * losses_[b].t[k], xhx += value(b, k) * gradient_[b][k];
      if (!(xhx > 0) || !(xt > 0)) return;
      double scale = scale_[b] * xt / xhx;
      // Within what a ratio can say; the scale of 8 bits is what the others are told by.
      if (b != 3) {
        const double whole = scale_[3] * static_cast<double>(1 << kShift[b]),
                     reach = 126 / double{kRatioSteps};
        scale = std::clamp(scale, whole * (1 - reach), whole * (1 + reach));
      }
      scale_[b] = scale;
    }
    find_gradient(b);
  }

  void refit_levels() {
    Eigen::Matrix4d a = Eigen::Matrix4d::Zero();
    Eigen::Vector4d y = Eigen::Vector4d::Zero();
    std::vector<std::array<double, 4>> sums(n_);  // H times the indicator of each level
    for (std::size_t k = 0; k < n_; ++k) {
      const double* h = losses_[0].h + k * n_;
      const std::size_t l = codes_[k] >> 6;
      for (std::size_t j = 0; j < n_; ++j) sums[j][l] += h[j];
      y[static_cast<Eigen::Index>(l)] += losses_[0].t[k];
    }
    for (std::size_t k = 0; k < n_; ++k)
      for (std::size_t l = 0; l < 4; ++l) a(codes_[k] >> 6, static_cast<Eigen::Index>(l)) += sums[k][l];
    const Eigen::Vector4d old(levels_[0], levels_[1], levels_[2], levels_[3]);
    const double hold = 1e-6 * a.trace() + 1e-30;  // levels that no code has stay
    a.diagonal().array() += hold;
    const Eigen::Vector4d fitted = a.ldlt().solve(y + hold * old);
    if (!fitted.allFinite()) return;
    for (int l = 0; l < 4; ++l)
      levels_[index(l)] = std::clamp(fitted[l], -127.0 * scale_[3], 127.0 * scale_[3]);
  }

  std::size_t n_;
  std::array<RowLoss, kWidths> losses_;
  std::vector<std::uint8_t> codes_;
  std::array<double, kWidths> scale_{};  ///< of a code's unit; [0] unused
  std::array<double, 4> levels_{};
  std::array<std::vector<double>, kWidths> gradient_{};  ///< q H
};

}  // namespace

NestedMatrix round_nested(const MatrixView& weights, std::span<const TargetMoments> moments,
                          const NestedRounding& options) {
  NestedMatrix matrix;
  matrix.rows = weights.rows, matrix.cols = weights.cols;
  const std::size_t rows = index(weights.rows), n = index(weights.cols);
  matrix.codes.resize(rows * n), matrix.scales.resize(rows);
  matrix.slices[0].levels.resize(4 * rows);
  for (std::size_t b = 1; b < 3; ++b) matrix.slices[b].ratios.resize(rows);
  std::vector<LayerObjective> objectives;
  for (const TargetMoments& m : moments) objectives.emplace_back(weights, m);
  const auto row_at = [&](std::int64_t r) {
    std::array<RowLoss, kWidths> losses;
    for (std::size_t b = 0; b < kWidths; ++b) losses[b] = objectives[b].row(r);
    return NestedRow(std::move(losses), {objectives[3].best.data() + r * weights.cols, n});
  };
  // What each width does alone, over all rows.
  std::vector<std::array<double, kWidths>> alone(rows);
  for_rows(weights.rows, 1, options.threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r)
      for (std::size_t b = 0; b < kWidths; ++b) {
        if (options.weights[b] == 0) continue;
        NestedRow row = row_at(r);
        std::array<double, kWidths> only{};
        only[b] = 1;
        row.descend(only, options.turns);
        alone[index(r)][b] = row.loss()[b];
      }
  });
  std::array<double, kWidths> factors{};
  for (std::size_t b = 0; b < kWidths; ++b) {
    double sum = 0;
    for (const auto& row : alone) sum += row[b];
    factors[b] = options.weights[b] / (sum + kHarmless * objectives[b].c.sum() + 1e-30);
  }
  for_rows(weights.rows, 1, options.threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      NestedRow row = row_at(r);
      row.descend(factors, options.turns);
      row.store(matrix, r);
    }
  });
  return matrix;
}

std::vector<float> nested_biases(NestedMatrix& matrix, std::span<const TargetMoments> moments) {
  std::vector<float> wide = bias_for(moments[3], matrix.at(8));
  for (std::size_t place = 0; place < 3; ++place) {
    NestedMatrix::Slice& slice = matrix.slices[place];
    const std::vector<float> narrow = bias_for(moments[place], matrix.at(kNestedBits[place]));
    float most = 0;
    for (std::size_t r = 0; r < wide.size(); ++r) most = std::max(most, std::abs(narrow[r] - wide[r]));
    slice.bias_step = most / 127;
    slice.biases.resize(wide.size());
    for (std::size_t r = 0; r < wide.size(); ++r)
      slice.biases[r] =
          most > 0 ? static_cast<std::int8_t>(std::nearbyint((narrow[r] - wide[r]) / slice.bias_step))
                   : std::int8_t{0};
  }
  return wide;
}

}  // namespace lowbit::detail
