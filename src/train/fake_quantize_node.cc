// SPDX-License-Identifier: Apache-2.0
// The codes of an activation, as the reals that they stand for: step (clamp(rint(x / step) + zero, 0, qmax) -
// zero). The gradient goes straight through the rounding and stops outside of the range; that of the
// logarithm of the step is as for weights, n being the elements of a sample.
#include <cmath>

#include "core/elementary.h"
#include "train/group_sums.h"
#include "train/loops/channel_loops.h"
#include "train/quantized_graph.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

class FakeQuantizeNode final : public FakeQuantize {
 public:
  FakeQuantizeNode(const ValueType& codes, bool learns, const NodeSpec& spec)
      : name_(spec.name),
        elements_(sample_elements(*spec.output)),
        zero_point_(codes.qparams.zero_point),
        lo_(static_cast<float>(codes.codes().qmin - zero_point_)),
        hi_(static_cast<float>(codes.codes().qmax - zero_point_)),
        gradient_scale_(1 /
                        std::sqrt(static_cast<double>(elements_) * static_cast<double>(codes.codes().qmax))),
        learns_(learns),
        loops_(select_channel_loops(spec.isa)),
        sums_(1) {
    log_step_.push_back(static_cast<float>(elementary::log(static_cast<double>(codes.qparams.scale))));
    gradient_.resize(1);
  }

  void forward(const ForwardArgs& args) noexcept override {
    const float step = qparams().scale, inverse = 1 / step;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s)
                   loops_.round({elements_, args.inputs[0].sample<const float>(s), inverse, step, lo_, hi_,
                                 args.output.sample<float>(s)});
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    const float step = qparams().scale, inverse = 1 / step;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 double* sum = sums_.start(group);
                 for (std::int64_t s = first; s < last; ++s) *sum += backward_sample(args, s, inverse);
               });
    gradient_[0] = static_cast<float>(gradient_scale_ * static_cast<double>(step) *
                                      sums_.total(SampleGroups(args.batch).count, 0));
  }

  std::vector<Parameter> parameters() override {
    if (!learns_) return {};
    return {{name_ + ".log_step", Shape{1}, ParameterKind::log_step, log_step_, gradient_}};
  }

  QParams qparams() const override {
    return {static_cast<float>(elementary::exp(static_cast<double>(log_step_[0]))), zero_point_};
  }

 private:
  double backward_sample(const BackwardArgs& args, std::int64_t s, float inverse) const {
    const InputGradient& to = args.input_gradients[0];
    return loops_.round_gradient({.count = elements_,
                                  .x = args.inputs[0].sample<const float>(s),
                                  .gradient = args.gradient.sample<const float>(s),
                                  .inverse = inverse,
                                  .lo = lo_,
                                  .hi = hi_,
                                  .to = to.is_wanted() ? to.to.sample<float>(s) : nullptr,
                                  .adds = to.adds});
  }

  const std::string name_;
  const std::int64_t elements_;
  const std::int32_t zero_point_;
  const float lo_, hi_;
  const double gradient_scale_;
  const bool learns_;
  const ChannelLoops& loops_;
  GroupSums sums_;
  std::vector<float> log_step_, gradient_;
};

}  // namespace

std::unique_ptr<FakeQuantize> make_fake_quantize(const ValueType& codes, bool learns, const NodeSpec& spec) {
  return std::make_unique<FakeQuantizeNode>(codes, learns, spec);
}

}  // namespace lowbit::train
