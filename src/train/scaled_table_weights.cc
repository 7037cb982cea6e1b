// SPDX-License-Identifier: Apache-2.0
// Tables of levels that stay, with a learned scale for each row or all: w' = scale level(w / scale), the
// nearest one. Additive powers of two (Li, Dong, Wang, "Additive Powers-of-Two Quantization", ICLR 2020),
// powers of two, NF4, FP4. The gradient of the scale is that of a step (LSQ): level - w / scale inside of the
// table, the level at its ends.
#include <algorithm>
#include <cmath>

#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "train/level_table.h"
#include "train/row_steps.h"

namespace lowbit::train {
namespace {

class ScaledTableWeights final : public WeightQuantizer {
 public:
  explicit ScaledTableWeights(const WeightQuantizerSpec& spec)
      : levels_(make_quantizer(spec.scheme).levels()),
        learns_(spec.how.weights != WeightSteps::fixed),
        table_(spec.meets_integers()),
        scales_(spec) {
    table_.set(levels_);
    const float end = std::max(std::fabs(table_.smallest()), std::fabs(table_.largest()));
    for (std::size_t i = 0; i < scales_.count(); ++i) {
      const std::span<const float> own = scales_.part(std::span(spec.weights.data), i);
      const float most = largest_magnitude(own), whole = most / end;
      scales_.set(
          i, static_cast<double>(
                 most > 0 ? best_step(own, whole, [this](float x) { return table_.used(table_.nearest(x)); })
                                .value_or(whole)
                          : 1.0f));
    }
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t i = 0; i < scales_.count(); ++i) {
      const float scale = scales_[i], inverse = 1 / scale;
      for (std::size_t e = i * scales_.size(); e < (i + 1) * scales_.size(); ++e)
        used[e] = table_.used(table_.nearest(weights[e] * inverse)) * scale;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double qmax = static_cast<double>(table_.size() - 1) / 2,
                 factor = 1 / std::sqrt(static_cast<double>(scales_.size()) * qmax);
    for (std::size_t i = 0; i < scales_.count(); ++i) {
      const float scale = scales_[i], inverse = 1 / scale;
      double sum = 0;
      for (std::size_t e = i * scales_.size(); e < (i + 1) * scales_.size(); ++e) {
        const float at = weights[e] * inverse, level = table_.used(table_.nearest(at));
        const bool is_in = at >= table_.smallest() && at <= table_.largest();
        sum += static_cast<double>(gradient[e]) * static_cast<double>(is_in ? level - at : level);
        if (!is_in) gradient[e] = 0.0f;
      }
      scales_.set_gradient(i, factor * static_cast<double>(scale) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    return learns_ ? scales_.parameters(layer) : std::vector<Parameter>();
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    const auto made = scales_.codes<std::uint8_t>(
        factors, columns, [&](std::size_t e, float inverse) { return table_.nearest(weights[e] * inverse); });
    return matrix_from_codes(
        TableCodes{.codes = scales_.view(made), .levels = levels_, .scales = made.scales});
  }

 private:
  const std::vector<float> levels_;
  const bool learns_;
  LevelTable table_;
  RowSteps scales_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_scaled_table_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<ScaledTableWeights>(spec);
}

}  // namespace lowbit::train
