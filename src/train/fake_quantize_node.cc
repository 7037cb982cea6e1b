// SPDX-License-Identifier: Apache-2.0
// The codes of an activation, as the reals that they stand for: step (clamp(rint(x / step) + zero, 0, qmax) -
// zero). The gradient goes through the rounding and stops outside of the range; what it does to the step is
// for the rule to say, scaled by 1 / sqrt(n qmax), n being the elements of a sample.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "train/activation_rule.h"
#include "train/group_sums.h"
#include "train/quantized_graph.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

class FakeQuantizeNode final : public FakeQuantize {
 public:
  FakeQuantizeNode(const ValueType& codes, const NodeSpec& spec)
      : name_(spec.name),
        elements_(sample_elements(*spec.output)),
        qmax_(codes.codes().qmax),
        gradient_scale_(1 / std::sqrt(static_cast<double>(elements_) * static_cast<double>(qmax_))),
        scaling_(spec.how.rounding == RoundingGradient::ewgs ? static_cast<float>(spec.how.ewgs_scaling)
                                                             : 0.0f),
        rule_(make_activation_rule(spec.how, codes.qparams, codes.codes())),
        loops_(select_channel_loops(spec.isa)),
        sums_(3) {}

  void forward(const ForwardArgs& args) noexcept override {
    if (rule_->observes() && args.pass == Pass::training) observe(args);
    const QParams q = rule_->qparams();
    const auto lo = static_cast<float>(-q.zero_point), hi = static_cast<float>(qmax_ - q.zero_point);
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s)
                   loops_.round({elements_, args.inputs[0].sample<const float>(s), 1 / q.scale, q.scale, lo,
                                 hi, args.output.sample<float>(s)});
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    const QParams q = rule_->qparams();
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 double* sums = sums_.start(group);
                 for (std::int64_t s = first; s < last; ++s) {
                   const RoundSums own = backward_sample(args, s, q);
                   sums[0] += own.inside, sums[1] += own.below, sums[2] += own.above;
                 }
               });
    const std::int64_t groups = SampleGroups(args.batch).count;
    rule_->backward({sums_.total(groups, 0), sums_.total(groups, 1), sums_.total(groups, 2)},
                    gradient_scale_);
  }

  std::vector<Parameter> parameters() override { return rule_->parameters(name_); }
  std::vector<TrainingState> states() override { return rule_->states(name_); }
  QParams qparams() const override { return rule_->qparams(); }

 private:
  /// Smallest and largest have no order in which they are found.
  void observe(const ForwardArgs& args) noexcept {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    std::array<Range, SampleGroups::kMost> ranges;
    ranges.fill({kInfinity, -kInfinity});
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 Range& range = ranges[static_cast<std::size_t>(group)];
                 for (std::int64_t s = first; s < last; ++s) {
                   const float* x = args.inputs[0].sample<const float>(s);
                   for (std::int64_t i = 0; i < elements_; ++i) {
                     if (!std::isfinite(x[i])) continue;
                     range.min = std::min(range.min, x[i]), range.max = std::max(range.max, x[i]);
                   }
                 }
               });
    Range all = ranges[0];
    for (const Range& r : ranges) all = {std::min(all.min, r.min), std::max(all.max, r.max)};
    if (all.min <= all.max) rule_->observe(all);
  }

  RoundSums backward_sample(const BackwardArgs& args, std::int64_t s, const QParams& q) const {
    const InputGradient& to = args.input_gradients[0];
    return loops_.round_gradient({.count = elements_,
                                  .x = args.inputs[0].sample<const float>(s),
                                  .gradient = args.gradient.sample<const float>(s),
                                  .inverse = 1 / q.scale,
                                  .lo = static_cast<float>(-q.zero_point),
                                  .hi = static_cast<float>(qmax_ - q.zero_point),
                                  .to = to.is_wanted() ? to.to.sample<float>(s) : nullptr,
                                  .adds = to.adds,
                                  .scaling = scaling_});
  }

  const std::string name_;
  const std::int64_t elements_;
  const std::int32_t qmax_;
  const double gradient_scale_;
  const float scaling_;
  const std::unique_ptr<ActivationRule> rule_;
  const ChannelLoops& loops_;
  GroupSums sums_;  ///< as RoundSums
};

}  // namespace

std::unique_ptr<FakeQuantize> make_fake_quantize(const ValueType& codes, const NodeSpec& spec) {
  return std::make_unique<FakeQuantizeNode>(codes, spec);
}

}  // namespace lowbit::train
