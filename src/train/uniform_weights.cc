// SPDX-License-Identifier: Apache-2.0
// Integers and -1, 0, 1 with a learned step: w' = step clamp(rint(w / step), qmin, qmax), for each row or
// all.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"
#include "lowbit/quant/given_codes.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

double square(double x) {
  return x * x;
}

/// The step with the least squared error, of 80 from a fraction of the largest weight on.
float best_step(std::span<const float> weights, float qmin, float qmax) {
  float most = 0;
  for (const float w : weights) most = std::max(most, std::fabs(w));
  if (!(most > 0) || std::isinf(most)) return 1.0f;
  float best = most;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 80; ++i) {
    const float step = most / std::max(qmax, -qmin) * static_cast<float>(i) / 64.0f, inverse = 1 / step;
    if (!std::isnormal(step) || !std::isnormal(inverse)) continue;
    double error = 0;
    for (const float w : weights)
      error +=
          square(static_cast<double>(w) - static_cast<double>(round_within(w * inverse, qmin, qmax) * step));
    if (error < least) least = error, best = step;
  }
  return best;
}

class UniformWeights final : public WeightQuantizer {
 public:
  UniformWeights(const Tensor& weights, const WeightQuantizerSpec& spec, IntRange codes)
      : bits_(spec.scheme.bits),
        is_ternary_(spec.scheme.weights == WeightKind::ternary),
        qmin_(static_cast<float>(codes.qmin)),
        qmax_(static_cast<float>(codes.qmax)),
        rows_(weights.shape[0]),
        columns_(weights.shape.elements() / std::max<std::int64_t>(weights.shape[0], 1)),
        learns_(spec.how.weights != WeightSteps::fixed),
        scaling_(spec.scaling()) {
    const std::int64_t steps = spec.per_tensor() ? 1 : rows_;
    size_ = static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_);
    for (std::int64_t i = 0; i < steps; ++i) {
      const std::span<const float> own(weights.data.data() + static_cast<std::size_t>(i) * size_, size_);
      log_steps_.push_back(
          static_cast<float>(elementary::log(static_cast<double>(best_step(own, qmin_, qmax_)))));
    }
    gradient_.resize(log_steps_.size());
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float step = step_of(i), inverse = 1 / step;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e)
        used[e] = round_within(weights[e] * inverse, qmin_, qmax_) * step;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double scale = 1 / std::sqrt(static_cast<double>(size_) * static_cast<double>(qmax_));
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float step = step_of(i), inverse = 1 / step;
      double sum = 0;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e) {
        const float at = weights[e] * inverse, code = round_within(at, qmin_, qmax_);
        const bool is_in = at >= qmin_ && at <= qmax_;
        sum += static_cast<double>(gradient[e]) * static_cast<double>(is_in ? code - at : code);
        gradient[e] = is_in ? gradient[e] + scaling_ * std::fabs(gradient[e]) * (at - code) : 0.0f;
      }
      gradient_[i] = static_cast<float>(scale * static_cast<double>(step) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    if (!learns_) return {};
    return {{layer + ".log_step", Shape{static_cast<std::int64_t>(log_steps_.size())},
             ParameterKind::log_step, log_steps_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::int8_t> made;
    std::vector<float> scales;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float step = step_of(log_steps_.size() == 1 ? 0 : static_cast<std::size_t>(r)),
                  inverse = 1 / step;
      scales.push_back(static_cast<float>(static_cast<double>(step) * factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.push_back(static_cast<std::int8_t>(
            round_within(weights[static_cast<std::size_t>(r * columns_ + c)] * inverse, qmin_, qmax_)));
    }
    const CodesView view(made.data(), rows_, columns_);
    if (is_ternary_) return matrix_from_codes(TernaryCodes{.codes = view, .scales = scales});
    return matrix_from_codes(AffineCodes{.codes = view, .bits = bits_, .scales = scales});
  }

  bool has_steps() const override { return true; }
  void find_codes(std::span<const float> weights, std::span<float> codes) const noexcept override {
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float inverse = 1 / step_of(i);
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e)
        codes[e] = round_within(weights[e] * inverse, qmin_, qmax_);
    }
  }
  float step_at(std::size_t weight) const noexcept override { return step_of(weight / size_); }

 private:
  float step_of(std::size_t i) const {
    return static_cast<float>(elementary::exp(static_cast<double>(log_steps_[i])));
  }

  const int bits_;
  const bool is_ternary_;
  const float qmin_, qmax_;
  const std::int64_t rows_, columns_;
  const bool learns_;
  const float scaling_;
  std::size_t size_ = 0;  ///< weights of a step
  std::vector<float> log_steps_, gradient_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_uniform_weights(const WeightQuantizerSpec& spec) {
  const IntRange codes =
      spec.scheme.weights == WeightKind::ternary ? IntRange{-1, 1} : signed_range(spec.scheme.bits);
  return std::make_unique<UniformWeights>(spec.weights, spec, codes);
}

}  // namespace lowbit::train
