// SPDX-License-Identifier: Apache-2.0
// DoReFa: codes are those of tanh(w) in its range, w' = step rint(qmax tanh(w) / max|tanh(w)|), so that
// weights spread over all of them whatever their size (Zhou et al., "DoReFa-Net", 2016). The paper has the
// step 1 / qmax, and leaves scales to batch normalization; here the step is learned from the least squared
// error on: its gradient is that of a sum of codes. The gradient of a weight is step qmax (1 - tanh(w)^2) /
// max|tanh(w)| times that of w', the maximum being a number. Codes are symmetric, where the paper has none
// for 0.
#include <algorithm>
#include <cmath>

#include "core/elementary.h"
#include "lowbit/quant/given_codes.h"
#include "train/row_steps.h"

namespace lowbit::train {
namespace {

class DorefaWeights final : public WeightQuantizer {
 public:
  explicit DorefaWeights(const WeightQuantizerSpec& spec)
      : is_ternary_(spec.scheme.weights == WeightKind::ternary),
        bits_(spec.scheme.bits),
        qmax_(static_cast<float>(is_ternary_ ? 1 : signed_range(bits_).qmax)),
        scaling_(spec.scaling()),
        at_(spec.weights.data.size()),
        slope_(spec.weights.data.size()),
        steps_(spec) {
    place(spec.weights.data);
    for (std::size_t i = 0; i < steps_.count(); ++i) steps_.set(i, best_step_of_codes(spec.weights.data, i));
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    place(weights);
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const float step = steps_[i];
      for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e) used[e] = code(e) * step;
    }
  }

  void backward(std::span<const float>, std::span<float> gradient) noexcept override {
    const double factor = 1 / std::sqrt(static_cast<double>(steps_.size()) * static_cast<double>(qmax_));
    for (std::size_t i = 0; i < steps_.count(); ++i) {
      const float step = steps_[i];
      double sum = 0;
      for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e) {
        sum += static_cast<double>(gradient[e]) * static_cast<double>(code(e));
        gradient[e] += scaling_ * std::fabs(gradient[e]) * (at_[e] - code(e));
        gradient[e] *= step * slope_[e];
      }
      steps_.set_gradient(i, factor * static_cast<double>(step) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override { return steps_.parameters(layer); }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    DorefaWeights now = *this;
    now.place(weights);
    const auto made =
        steps_.codes<std::int8_t>(factors, columns, [&](std::size_t e, float) { return now.code(e); });
    const CodesView view = steps_.view(made);
    if (is_ternary_) return matrix_from_codes(TernaryCodes{.codes = view, .scales = made.scales});
    return matrix_from_codes(AffineCodes{.codes = view, .bits = bits_, .scales = made.scales});
  }

 private:
  /// Where weights lie among the codes, and how fast they move there.
  void place(std::span<const float> weights) noexcept {
    for (std::size_t first = 0; first < weights.size(); first += steps_.size()) {
      float largest = 0;
      for (std::size_t e = first; e < first + steps_.size(); ++e) {
        at_[e] = static_cast<float>(elementary::tanh(static_cast<double>(weights[e])));
        largest = std::max(largest, std::fabs(at_[e]));
      }
      const float factor = largest > 1e-30f ? qmax_ / largest : 0.0f;
      for (std::size_t e = first; e < first + steps_.size(); ++e) {
        slope_[e] = factor * (1 - at_[e] * at_[e]);
        at_[e] *= factor;
      }
    }
  }
  float code(std::size_t e) const { return round_within(at_[e], -qmax_, qmax_); }
  double best_step_of_codes(std::span<const float> weights, std::size_t i) const {
    double dot = 0, squares = 0;
    for (std::size_t e = i * steps_.size(); e < (i + 1) * steps_.size(); ++e) {
      dot += static_cast<double>(weights[e]) * static_cast<double>(code(e));
      squares += static_cast<double>(code(e)) * static_cast<double>(code(e));
    }
    return dot > 0 && std::isnormal(static_cast<float>(dot / squares)) ? dot / squares : 1.0;
  }

  const bool is_ternary_;
  const int bits_;
  const float qmax_;
  const float scaling_;
  std::vector<float> at_, slope_;  ///< of the last forward pass
  RowSteps steps_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_dorefa_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<DorefaWeights>(spec);
}

}  // namespace lowbit::train
