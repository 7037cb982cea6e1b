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
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

class DorefaWeights final : public WeightQuantizer {
 public:
  explicit DorefaWeights(const WeightQuantizerSpec& spec)
      : is_ternary_(spec.scheme.weights == WeightKind::ternary),
        bits_(spec.scheme.bits),
        qmax_(static_cast<float>(is_ternary_ ? 1 : signed_range(bits_).qmax)),
        rows_(spec.rows()),
        columns_(spec.columns()),
        size_(static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_)),
        scaling_(spec.scaling()),
        at_(spec.weights.data.size()),
        slope_(spec.weights.data.size()) {
    log_steps_.resize(spec.weights.data.size() / size_);
    gradient_.resize(log_steps_.size());
    place(spec.weights.data);
    for (std::size_t i = 0; i < log_steps_.size(); ++i)
      log_steps_[i] = static_cast<float>(elementary::log(best_step_of_codes(spec.weights.data, i)));
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    place(weights);
    for (std::size_t e = 0; e < used.size(); ++e) used[e] = code(e) * step_of(e / size_);
  }

  void backward(std::span<const float>, std::span<float> gradient) noexcept override {
    const double factor = 1 / std::sqrt(static_cast<double>(size_) * static_cast<double>(qmax_));
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float step = step_of(i);
      double sum = 0;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e) {
        sum += static_cast<double>(gradient[e]) * static_cast<double>(code(e));
        gradient[e] += scaling_ * std::fabs(gradient[e]) * (at_[e] - code(e));
        gradient[e] *= step * slope_[e];
      }
      gradient_[i] = static_cast<float>(factor * static_cast<double>(step) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    return {{layer + ".log_step", Shape{static_cast<std::int64_t>(log_steps_.size())},
             ParameterKind::log_step, log_steps_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    DorefaWeights now = *this;
    now.place(weights);
    std::vector<std::int8_t> made;
    std::vector<float> scales;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float step = step_of(log_steps_.size() == 1 ? 0 : static_cast<std::size_t>(r));
      scales.push_back(static_cast<float>(static_cast<double>(step) * factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.push_back(static_cast<std::int8_t>(now.code(static_cast<std::size_t>(r * columns_ + c))));
    }
    const CodesView view(made.data(), rows_, columns_);
    if (is_ternary_) return matrix_from_codes(TernaryCodes{.codes = view, .scales = scales});
    return matrix_from_codes(AffineCodes{.codes = view, .bits = bits_, .scales = scales});
  }

 private:
  /// Where weights lie among the codes, and how fast they move there.
  void place(std::span<const float> weights) noexcept {
    for (std::size_t first = 0; first < weights.size(); first += size_) {
      float largest = 0;
      for (std::size_t e = first; e < first + size_; ++e) {
        at_[e] = static_cast<float>(elementary::tanh(static_cast<double>(weights[e])));
        largest = std::max(largest, std::fabs(at_[e]));
      }
      const float factor = largest > 1e-30f ? qmax_ / largest : 0.0f;
      for (std::size_t e = first; e < first + size_; ++e) {
        slope_[e] = factor * (1 - at_[e] * at_[e]);
        at_[e] *= factor;
      }
    }
  }
  float code(std::size_t e) const { return round_within(at_[e], -qmax_, qmax_); }
  float step_of(std::size_t i) const {
    return static_cast<float>(elementary::exp(static_cast<double>(log_steps_[i])));
  }
  double best_step_of_codes(std::span<const float> weights, std::size_t i) const {
    double dot = 0, squares = 0;
    for (std::size_t e = i * size_; e < (i + 1) * size_; ++e) {
      dot += static_cast<double>(weights[e]) * static_cast<double>(code(e));
      squares += static_cast<double>(code(e)) * static_cast<double>(code(e));
    }
    return dot > 0 && std::isnormal(static_cast<float>(dot / squares)) ? dot / squares : 1.0;
  }

  const bool is_ternary_;
  const int bits_;
  const float qmax_;
  const std::int64_t rows_, columns_;
  const std::size_t size_;  ///< weights of a step
  const float scaling_;
  std::vector<float> at_, slope_;  ///< of the last forward pass
  std::vector<float> log_steps_, gradient_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_dorefa_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<DorefaWeights>(spec);
}

}  // namespace lowbit::train
