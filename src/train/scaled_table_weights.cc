// SPDX-License-Identifier: Apache-2.0
// Tables of levels that stay, with a learned scale for each row or all: w' = scale level(w / scale), the
// nearest one. Additive powers of two (Li, Dong, Wang, "Additive Powers-of-Two Quantization", ICLR 2020),
// powers of two, NF4, FP4. The gradient of the scale is that of a step (LSQ): level - w / scale inside of the
// table, the level at its ends.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "train/level_table.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

/// The scale with the least squared error, of 80 from a fraction of the largest weight on.
float best_scale(std::span<const float> weights, const LevelTable& table) {
  float most = 0;
  for (const float w : weights) most = std::max(most, std::fabs(w));
  if (!(most > 0) || std::isinf(most)) return 1.0f;
  const float whole = most / std::max(std::fabs(table.smallest()), std::fabs(table.largest()));
  float best = whole;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 80; ++i) {
    const float scale = whole * static_cast<float>(i) / 64.0f, inverse = 1 / scale;
    if (!std::isnormal(scale) || !std::isnormal(inverse)) continue;
    double error = 0;
    for (const float w : weights) {
      const double d =
          static_cast<double>(w) - static_cast<double>(table.used(table.nearest(w * inverse)) * scale);
      error += d * d;
    }
    if (error < least) least = error, best = scale;
  }
  return best;
}

class ScaledTableWeights final : public WeightQuantizer {
 public:
  explicit ScaledTableWeights(const WeightQuantizerSpec& spec)
      : levels_(make_quantizer(spec.scheme).levels()),
        rows_(spec.rows()),
        columns_(spec.columns()),
        size_(static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_)),
        learns_(spec.how.weights != WeightSteps::fixed),
        table_(spec.meets_integers()) {
    table_.set(levels_);
    for (std::size_t e = 0; e < spec.weights.data.size(); e += size_)
      log_scales_.push_back(static_cast<float>(elementary::log(
          static_cast<double>(best_scale(std::span(spec.weights.data).subspan(e, size_), table_)))));
    gradient_.resize(log_scales_.size());
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t i = 0; i < log_scales_.size(); ++i) {
      const float scale = scale_of(i), inverse = 1 / scale;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e)
        used[e] = table_.used(table_.nearest(weights[e] * inverse)) * scale;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double qmax = static_cast<double>(table_.size() - 1) / 2,
                 factor = 1 / std::sqrt(static_cast<double>(size_) * qmax);
    for (std::size_t i = 0; i < log_scales_.size(); ++i) {
      const float scale = scale_of(i), inverse = 1 / scale;
      double sum = 0;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e) {
        const float at = weights[e] * inverse, level = table_.used(table_.nearest(at));
        const bool is_in = at >= table_.smallest() && at <= table_.largest();
        sum += static_cast<double>(gradient[e]) * static_cast<double>(is_in ? level - at : level);
        if (!is_in) gradient[e] = 0.0f;
      }
      gradient_[i] = static_cast<float>(factor * static_cast<double>(scale) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    if (!learns_) return {};
    return {{layer + ".log_step", Shape{static_cast<std::int64_t>(log_scales_.size())},
             ParameterKind::log_step, log_scales_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::uint8_t> made;
    std::vector<float> scales;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float scale = scale_of(log_scales_.size() == 1 ? 0 : static_cast<std::size_t>(r)),
                  inverse = 1 / scale;
      scales.push_back(static_cast<float>(static_cast<double>(scale) * factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.push_back(static_cast<std::uint8_t>(
            table_.nearest(weights[static_cast<std::size_t>(r * columns_ + c)] * inverse)));
    }
    return matrix_from_codes(
        TableCodes{.codes = {made.data(), rows_, columns_}, .levels = levels_, .scales = scales});
  }

 private:
  float scale_of(std::size_t i) const {
    return static_cast<float>(elementary::exp(static_cast<double>(log_scales_[i])));
  }

  const std::vector<float> levels_;
  const std::int64_t rows_, columns_;
  const std::size_t size_;  ///< weights of a scale
  const bool learns_;
  LevelTable table_;
  std::vector<float> log_scales_, gradient_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_scaled_table_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<ScaledTableWeights>(spec);
}

}  // namespace lowbit::train
