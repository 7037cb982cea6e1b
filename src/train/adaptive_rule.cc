// SPDX-License-Identifier: Apache-2.0
// The range of an activation follows those of the training batches, from that of calibration on.
#include <array>

#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/dynamic.h"
#include "train/activation_rule.h"

namespace lowbit::train {
namespace {

class AdaptiveRule final : public ActivationRule {
 public:
  AdaptiveRule(double part, const QParams& start, IntRange codes)
      : empty_(static_cast<float>(part)),
        codes_(codes),
        ends_{-static_cast<double>(start.scale) * start.zero_point,
              static_cast<double>(start.scale) * (codes.qmax - start.zero_point)} {}

  QParams qparams() const override { return choose_qparams(range(), codes_); }
  bool observes() const override { return true; }
  void observe(Range batch) override {
    AdaptiveRange range = empty_;
    for (const Range& r : {this->range(), batch}) range.update(std::array{r.min, r.max});
    ends_ = {static_cast<double>(range.range().min), static_cast<double>(range.range().max)};
  }
  void backward(const RoundSums&, double) override {}
  std::vector<Parameter> parameters(const std::string&) override { return {}; }
  std::vector<TrainingState> states(const std::string& name) override { return {{name + ".range", ends_}}; }

 private:
  Range range() const { return {static_cast<float>(ends_[0]), static_cast<float>(ends_[1])}; }

  const AdaptiveRange empty_;
  const IntRange codes_;
  std::array<double, 2> ends_;
};

}  // namespace

std::unique_ptr<ActivationRule> make_adaptive_rule(double part, const QParams& start, IntRange codes) {
  return std::make_unique<AdaptiveRule>(part, start, codes);
}

}  // namespace lowbit::train
