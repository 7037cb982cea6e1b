// SPDX-License-Identifier: Apache-2.0
// Rules that learn the logarithm of a step, while the zero point stays. With code = x / step + zero point,
// limited and rounded:
//
//   LSQ   a value changes by code - x / step with the step inside of the range, by code - zero point at its
//         ends (Esser et al., "Learned Step Size Quantization", ICLR 2020)
//   PACT  at the ends only: what is learned is where the range ends, qmax steps away (Choi et al., "PACT",
//         2018)
#include "core/elementary.h"
#include "train/activation_rule.h"

namespace lowbit::train {
namespace {

class LearnedStep final : public ActivationRule {
 public:
  LearnedStep(const QParams& start, IntRange codes, bool learns_inside)
      : zero_point_(start.zero_point), qmax_(codes.qmax), learns_inside_(learns_inside) {
    log_step_.push_back(static_cast<float>(elementary::log(static_cast<double>(start.scale))));
    gradient_.resize(1);
  }

  QParams qparams() const override {
    return {static_cast<float>(elementary::exp(static_cast<double>(log_step_[0]))), zero_point_};
  }
  void backward(const RoundSums& sums, double scale) override {
    const double ends =
        static_cast<double>(qmax_ - zero_point_) * sums.above - static_cast<double>(zero_point_) * sums.below;
    gradient_[0] = static_cast<float>(scale * static_cast<double>(qparams().scale) *
                                      (learns_inside_ ? sums.inside + ends : ends));
  }
  std::vector<Parameter> parameters(const std::string& name) override {
    return {{name + ".log_step", Shape{1}, ParameterKind::log_step, log_step_, gradient_}};
  }

 private:
  const std::int32_t zero_point_, qmax_;
  const bool learns_inside_;
  std::vector<float> log_step_, gradient_;
};

}  // namespace

std::unique_ptr<ActivationRule> make_lsq_rule(const QParams& start, IntRange codes) {
  return std::make_unique<LearnedStep>(start, codes, true);
}

std::unique_ptr<ActivationRule> make_pact_rule(const QParams& start, IntRange codes) {
  return std::make_unique<LearnedStep>(start, codes, false);
}

}  // namespace lowbit::train
