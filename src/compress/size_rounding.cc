// SPDX-License-Identifier: Apache-2.0
#include "compress/size_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "lowbit/quant/given_codes.h"
#include "recover/for_rows.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Bits of each code, by its place from the lowest one on.
using CodeBits = std::vector<double>;

class SizedRow {
 public:
  /// Codes nearest to `weights` at this scale.
  SizedRow(RowLoss loss, const double* weights, std::size_t n, int bits, double scale)
      : n_(n), half_(1 << (bits - 1)), scale_(scale), loss_(std::move(loss)), codes_(n), gradient_(n) {
    for (std::size_t k = 0; k < n; ++k)
      codes_[k] = std::clamp(static_cast<int>(std::nearbyint(weights[k] / scale)), -half_, half_ - 1);
    find_gradient();
  }

  double loss() const {
    double sum = loss_.c;
    for (std::size_t k = 0; k < n_; ++k) sum += scale_ * codes_[k] * (gradient_[k] - 2 * loss_.t[k]);
    return std::max(sum, 0.0);
  }
  const std::vector<int>& codes() const { return codes_; }
  double scale() const { return scale_; }

  /// Each weight in turn takes the code at which loss + price * bits is least; then the scale that fits best.
  void turn(const CodeBits& bits, double price) {
    for (std::size_t k = 0; k < n_; ++k) {
      const int now = codes_[k];
      // Around the code of least error, and no further out: those cost more bits as a rule; and zero.
      const double h = loss_.h[k * n_ + k], slope = gradient_[k] - loss_.t[k];
      const auto nearest =
          std::clamp(static_cast<int>(std::clamp(std::nearbyint(now - slope / (h * scale_)), -1e6, 1e6)),
                     -half_, half_ - 1);
      int best = now;
      double least = 0;
      const auto offer = [&](int code) {
        const double d = scale_ * (code - now);
        const double cost =
            d * (2 * slope + d * h) + price * (bits[index(code + half_)] - bits[index(now + half_)]);
        if (cost < least) least = cost, best = code;
      };
      const int step = nearest > 0 ? -1 : 1;
      offer(std::clamp(nearest - step, -half_, half_ - 1));
      for (int code = nearest;; code += step) {
        offer(code);
        if (code == 0) break;
      }
      if (best == now) continue;
      const double change = scale_ * (best - now);
      const double* row = loss_.h + k * n_;
      for (std::size_t j = 0; j < n_; ++j) gradient_[j] += change * row[j];
      codes_[k] = best;
    }
    double xt = 0, xhx = 0;
    for (std::size_t k = 0; k < n_; ++k)
      xt += scale_ * codes_[k] * loss_.t[k], xhx += scale_ * codes_[k] * gradient_[k];
    if (xhx > 0 && xt > 0) scale_ *= xt / xhx;
    find_gradient();
  }

 private:
  void find_gradient() {
    std::fill(gradient_.begin(), gradient_.end(), 0.0);
    for (std::size_t k = 0; k < n_; ++k) {
      if (codes_[k] == 0) continue;
      const double q = scale_ * codes_[k];
      const double* row = loss_.h + k * n_;
      for (std::size_t j = 0; j < n_; ++j) gradient_[j] += q * row[j];
    }
  }

  std::size_t n_;
  int half_;
  double scale_;
  RowLoss loss_;
  std::vector<int> codes_;
  std::vector<double> gradient_;  ///< q H
};

/// All rows at one start.
class SizedLayer {
 public:
  SizedLayer(const MatrixView& weights, const LayerObjective& objective, const SizeRounding& how,
             double coarseness)
      : how_(how), columns_(weights.cols), variance_(std::max(objective.c.sum(), 1e-30)) {
    for (std::int64_t r = 0; r < weights.rows; ++r) {
      const double* w = objective.best.data() + r * weights.cols;
      RowLoss loss = objective.row(r);
      const double scale = coarseness * least_error_scale(w, loss.h);
      rows_.emplace_back(std::move(loss), w, index(weights.cols), how.bits, scale);
    }
    count();
  }

  void turn() {
    // In units of the loss: it is divided by the variance of the outputs, and a million bits are one.
    const double price = how_.size_weight * 1e-6 * variance_;
    for_rows(static_cast<std::int64_t>(rows_.size()), 1, how_.threads,
             [&](std::int64_t first, std::int64_t last) {
               for (std::int64_t r = first; r < last; ++r) rows_[index(r)].turn(bits_, price);
             });
    count();
  }

  double relative_error() const {
    double sum = 0;
    for (const SizedRow& row : rows_) sum += row.loss();
    return sum / variance_;
  }
  double bits() const { return total_bits_; }
  double cost() const { return relative_error() + how_.size_weight * 1e-6 * total_bits_; }

  SizedCodes take() const {
    std::vector<std::int8_t> codes;
    std::vector<float> scales;
    SizedCodes result;
    for (const SizedRow& row : rows_) {
      for (const int code : row.codes()) codes.push_back(static_cast<std::int8_t>(code));
      scales.push_back(std::max(static_cast<float>(row.scale()), std::numeric_limits<float>::min()));
    }
    result.zeros = static_cast<double>(std::count(codes.begin(), codes.end(), std::int8_t{0}));
    result.codes = matrix_from_codes(
        AffineCodes{.codes = {codes.data(), static_cast<std::int64_t>(rows_.size()), columns_},
                    .bits = how_.bits,
                    .scales = scales});
    result.bits = total_bits_, result.relative_error = relative_error();
    return result;
  }

 private:
  /// Of the nearest codes, by the diagonal of H.
  double least_error_scale(const double* w, const double* h) const {
    const auto n = index(columns_);
    const double half = std::ldexp(1.0, how_.bits - 1);
    double most = 1e-30, best = std::numeric_limits<double>::infinity(), scale = 0;
    for (std::size_t k = 0; k < n; ++k) most = std::max(most, std::abs(w[k]));
    for (int i = 8; i <= 20; ++i) {
      const double s = most * i / 20 / (half - 0.5);
      double error = 0;
      for (std::size_t k = 0; k < n; ++k) {
        const double q = s * std::clamp(std::nearbyint(w[k] / s), -half, half - 1);
        error += h[k * n + k] * (w[k] - q) * (w[k] - q);
      }
      if (error < best) best = error, scale = s;
    }
    return scale;
  }

  void count() {
    const std::size_t codes = std::size_t{1} << how_.bits;
    std::vector<double> counts(codes, 0.0);
    for (const SizedRow& row : rows_)
      for (const int code : row.codes()) ++counts[index(code + static_cast<int>(codes / 2))];
    double sum = 0;
    total_bits_ = 0;
    // A code that is not there is dear, not impossible.
    for (const double n : counts) sum += n + 0.5;
    bits_.assign(codes, 0.0);
    for (std::size_t c = 0; c < codes; ++c) {
      bits_[c] = std::log2(sum / (counts[c] + 0.5));
      total_bits_ += counts[c] * bits_[c];
    }
  }

  SizeRounding how_;
  std::int64_t columns_;
  double variance_;
  std::vector<SizedRow> rows_;
  CodeBits bits_;
  double total_bits_ = 0;
};

}  // namespace

SizedCodes round_for_size(const MatrixView& weights, const LayerObjective& objective,
                          const SizeRounding& how) {
  // Coarser scales take fewer bits, and descent does not find them from finer ones: a few starts.
  std::optional<SizedLayer> best;
  for (const double coarseness : {1.0, 1.4, 2.0, 2.8, 4.0}) {
    SizedLayer layer(weights, objective, how, coarseness);
    for (int i = 0; i < how.turns; ++i) layer.turn();
    if (!best || layer.cost() < best->cost()) best.emplace(std::move(layer));
  }
  return best->take();
}

}  // namespace lowbit::detail
