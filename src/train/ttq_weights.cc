// SPDX-License-Identifier: Apache-2.0
// Trained ternary quantization: weights within 0.05 of the largest magnitude are 0, others wp or -wn, whose
// logarithms are learned (Zhu, Han, Mao, Dally, "Trained Ternary Quantization", ICLR 2017). The gradient of
// wp is the sum of those of its weights, that of wn the negative sum of its own; those of weights are
// multiplied by wp, wn, or 1 where they are 0. A row has levels of its own, or the tensor has.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/elementary.h"
#include "lowbit/core/view.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/ternary.h"
#include "train/level_table.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

class TtqWeights final : public WeightQuantizer {
 public:
  explicit TtqWeights(const WeightQuantizerSpec& spec)
      : rows_(spec.rows()),
        columns_(spec.columns()),
        size_(static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_)),
        learns_(spec.how.weights != WeightSteps::fixed),
        table_(spec.meets_integers()) {
    const Ttq start;
    threshold_ = start.threshold;
    for (std::size_t e = 0; e < spec.weights.data.size(); e += size_) {
      const LutGroup group = start.fit(std::span(spec.weights.data).subspan(e, size_), {});
      for (const float level : {-group.levels[0], group.levels[2]})
        log_levels_.push_back(static_cast<float>(elementary::log(static_cast<double>(level * group.scale))));
    }
    gradient_.resize(log_levels_.size());
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t t = 0; t < tables(); ++t) {
      table_.set(levels_of(t));
      const float threshold = threshold_of(weights, t);
      for (std::size_t e = t * size_; e < (t + 1) * size_; ++e)
        used[e] = table_.used(code_of(weights[e], threshold));
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double factor = 1 / std::sqrt(static_cast<double>(size_));
    for (std::size_t t = 0; t < tables(); ++t) {
      const std::array<float, 3> levels = levels_of(t), factors{-levels[0], 1.0f, levels[2]};
      const float threshold = threshold_of(weights, t);
      std::array<double, 3> sums{};
      for (std::size_t e = t * size_; e < (t + 1) * size_; ++e) {
        const std::size_t code = code_of(weights[e], threshold);
        sums[code] += static_cast<double>(gradient[e]);
        gradient[e] *= factors[code];
      }
      gradient_[2 * t] = static_cast<float>(factor * static_cast<double>(levels[0]) * sums[0]);
      gradient_[2 * t + 1] = static_cast<float>(factor * static_cast<double>(levels[2]) * sums[2]);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    if (!learns_) return {};
    return {{layer + ".log_levels", Shape{static_cast<std::int64_t>(tables()), 2}, ParameterKind::log_step,
             log_levels_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::uint8_t> made;
    std::vector<float> levels, scales(factors.begin(), factors.end());
    for (std::size_t t = 0; t < tables(); ++t)
      for (const float level : levels_of(t)) levels.push_back(level);
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float threshold = threshold_of(weights, tables() == 1 ? 0 : static_cast<std::size_t>(r));
      for (const std::int64_t c : columns)
        made.push_back(static_cast<std::uint8_t>(
            code_of(weights[static_cast<std::size_t>(r * columns_ + c)], threshold)));
    }
    return matrix_from_codes(TableCodes{.codes = {made.data(), rows_, columns_},
                                        .levels = levels,
                                        .levels_per_row = tables() > 1,
                                        .scales = scales});
  }

 private:
  std::size_t tables() const { return log_levels_.size() / 2; }
  std::array<float, 3> levels_of(std::size_t t) const {
    const auto level = [&](std::size_t i) {
      return static_cast<float>(elementary::exp(static_cast<double>(log_levels_[2 * t + i])));
    };
    return {-level(0), 0.0f, level(1)};
  }
  float threshold_of(std::span<const float> weights, std::size_t t) const {
    float largest = 0;
    for (const float w : weights.subspan(t * size_, size_)) largest = std::max(largest, std::fabs(w));
    return threshold_ * largest;
  }
  static std::size_t code_of(float w, float threshold) { return w > threshold ? 2 : w < -threshold ? 0 : 1; }

  const std::int64_t rows_, columns_;
  const std::size_t size_;  ///< weights that share levels
  const bool learns_;
  float threshold_ = 0;  ///< in the largest magnitude
  LevelTable table_;
  std::vector<float> log_levels_, gradient_;  ///< of wn and wp, for each table
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_ttq_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<TtqWeights>(spec);
}

}  // namespace lowbit::train
