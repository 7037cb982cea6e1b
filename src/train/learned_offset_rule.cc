// SPDX-License-Identifier: Apache-2.0
// LSQ+: the step is learned, and the offset, which is the real that code 0 stands for (Bhalgat et al.,
// "LSQ+: Improving Low-bit Quantization Through Learnable Offsets and Better Initialization", CVPR Workshops
// 2020). Codes of the library have a whole zero point: the forward pass has -offset / step rounded to one,
// and the gradient goes straight through that rounding. A value changes
//
//   with the step by    code - (x - offset) / step inside of the range, by 0 below it and by qmax above it
//   with the offset by  0 inside, 1 outside
#include <cmath>

#include "core/elementary.h"
#include "train/activation_rule.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

class LearnedOffset final : public ActivationRule {
 public:
  LearnedOffset(const QParams& start, IntRange codes) : qmax_(codes.qmax) {
    log_step_.push_back(static_cast<float>(elementary::log(static_cast<double>(start.scale))));
    offset_.push_back(-start.scale * static_cast<float>(start.zero_point));
    step_gradient_.resize(1), offset_gradient_.resize(1);
  }

  QParams qparams() const override {
    const auto step = static_cast<float>(elementary::exp(static_cast<double>(log_step_[0])));
    const float zero = round_within(-offset_[0] / step, 0.0f, static_cast<float>(qmax_));
    return {step, static_cast<std::int32_t>(zero)};
  }
  void backward(const RoundSums& sums, double scale) override {
    step_gradient_[0] = static_cast<float>(scale * static_cast<double>(qparams().scale) *
                                           (sums.inside + static_cast<double>(qmax_) * sums.above));
    offset_gradient_[0] = static_cast<float>(scale * (sums.below + sums.above));
  }
  std::vector<Parameter> parameters(const std::string& name) override {
    return {{name + ".log_step", Shape{1}, ParameterKind::log_step, log_step_, step_gradient_},
            {name + ".offset", Shape{1}, ParameterKind::offset, offset_, offset_gradient_}};
  }

 private:
  const std::int32_t qmax_;
  std::vector<float> log_step_, offset_, step_gradient_, offset_gradient_;
};

}  // namespace

std::unique_ptr<ActivationRule> make_lsq_plus_rule(const QParams& start, IntRange codes) {
  return std::make_unique<LearnedOffset>(start, codes);
}

}  // namespace lowbit::train
