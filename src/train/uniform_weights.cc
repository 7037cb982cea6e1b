// SPDX-License-Identifier: Apache-2.0
// Integers and -1, 0, 1 with a learned step: w' = step clamp(rint(w / step), qmin, qmax), for each row or
// all.
#include <algorithm>
#include <cmath>

#include "lowbit/quant/given_codes.h"
#include "train/row_steps.h"

namespace lowbit::train {
namespace {

class UniformWeights final : public WeightQuantizer {
 public:
  UniformWeights(const WeightQuantizerSpec& spec, IntRange codes)
      : bits_(spec.scheme.bits),
        is_ternary_(spec.scheme.weights == WeightKind::ternary),
        qmin_(static_cast<float>(codes.qmin)),
        qmax_(static_cast<float>(codes.qmax)),
        learns_(spec.how.weights != WeightSteps::fixed),
        scaling_(spec.scaling()),
        steps_(spec) {
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const std::span<const float> own = steps_.part(std::span(spec.weights.data), i);
      const float most = largest_magnitude(own);
      steps_.set(i, static_cast<double>(
                        most > 0 ? best_step(own, most / std::max(qmax_, -qmin_),
                                             [this](float x) { return round_within(x, qmin_, qmax_); })
                                       .value_or(most)
                                 : 1.0f));
    }
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const float step = steps_[i], inverse = 1 / step;
      for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e)
        used[e] = round_within(weights[e] * inverse, qmin_, qmax_) * step;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double scale = 1 / std::sqrt(static_cast<double>(steps_.size()) * static_cast<double>(qmax_));
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const float step = steps_[i], inverse = 1 / step;
      double sum = 0;
      for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e) {
        const float at = weights[e] * inverse, code = round_within(at, qmin_, qmax_);
        const bool is_in = at >= qmin_ && at <= qmax_;
        sum += static_cast<double>(gradient[e]) * static_cast<double>(is_in ? code - at : code);
        gradient[e] = is_in ? gradient[e] + scaling_ * std::fabs(gradient[e]) * (at - code) : 0.0f;
      }
      steps_.set_gradient(i, scale * static_cast<double>(step) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    return learns_ ? steps_.parameters(layer) : std::vector<Parameter>();
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    const auto made = steps_.codes<std::int8_t>(factors, columns, [&](std::size_t e, float inverse) {
      return round_within(weights[e] * inverse, qmin_, qmax_);
    });
    const CodesView view = steps_.view(made);
    if (is_ternary_) return matrix_from_codes(TernaryCodes{.codes = view, .scales = made.scales});
    return matrix_from_codes(AffineCodes{.codes = view, .bits = bits_, .scales = made.scales});
  }

  bool has_steps() const override { return true; }
  void find_codes(std::span<const float> weights, std::span<float> codes) const noexcept override {
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const float inverse = 1 / steps_[i];
      for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e)
        codes[e] = round_within(weights[e] * inverse, qmin_, qmax_);
    }
  }
  float step_at(std::size_t weight) const noexcept override { return steps_[weight / steps_.size()]; }

 private:
  const int bits_;
  const bool is_ternary_;
  const float qmin_, qmax_;
  const bool learns_;
  const float scaling_;
  RowSteps steps_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_uniform_weights(const WeightQuantizerSpec& spec) {
  const IntRange codes =
      spec.scheme.weights == WeightKind::ternary ? IntRange{-1, 1} : signed_range(spec.scheme.bits);
  return std::make_unique<UniformWeights>(spec, codes);
}

}  // namespace lowbit::train
