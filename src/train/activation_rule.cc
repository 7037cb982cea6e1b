// SPDX-License-Identifier: Apache-2.0
#include "train/activation_rule.h"

namespace lowbit::train {
namespace {

class FixedRule final : public ActivationRule {
 public:
  explicit FixedRule(const QParams& q) : qparams_(q) {}
  QParams qparams() const override { return qparams_; }
  void backward(const RoundSums&, double) override {}
  std::vector<Parameter> parameters(const std::string&) override { return {}; }

 private:
  QParams qparams_;
};

}  // namespace

std::unique_ptr<ActivationRule> make_activation_rule(const FakeQuantization& how, const QParams& start,
                                                     IntRange codes) {
  switch (how.activations) {
    case ActivationSteps::lsq:
      return make_lsq_rule(start, codes);
    case ActivationSteps::lsq_plus:
      return make_lsq_plus_rule(start, codes);
    case ActivationSteps::pact:
      return make_pact_rule(start, codes);
    case ActivationSteps::adaptive:
      return make_adaptive_rule(how.range_part, start, codes);
    case ActivationSteps::fixed:
      break;
  }
  return std::make_unique<FixedRule>(start);
}

}  // namespace lowbit::train
