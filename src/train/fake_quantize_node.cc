// SPDX-License-Identifier: Apache-2.0
// The codes of an activation, as the reals that they stand for: step (clamp(rint(x / step) + zero, 0, qmax) -
// zero). The gradient goes straight through the rounding and stops outside of the range; that of the
// logarithm of the step is as for weights, n being the elements of a sample.
#include <cmath>

#include "core/elementary.h"
#include "train/group_sums.h"
#include "train/quantized_graph.h"
#include "train/step_node.h"
#include "train/weight_quantizer.h"

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
        sums_(1) {
    log_step_.push_back(static_cast<float>(elementary::log(static_cast<double>(codes.qparams.scale))));
    gradient_.resize(1);
  }

  void forward(const ForwardArgs& args) noexcept override {
    const float step = qparams().scale, inverse = 1 / step, lo = lo_, hi = hi_;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) {
                   const float* x = args.inputs[0].sample<const float>(s);
                   float* y = args.output.sample<float>(s);
                   for (std::int64_t i = 0; i < elements_; ++i)
                     y[i] = round_within(x[i] * inverse, lo, hi) * step;
                 }
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
  /// Returns the sum of gradients times what a step adds, in blocks whose sums are floats.
  double backward_sample(const BackwardArgs& args, std::int64_t s, float inverse) const {
    constexpr std::int64_t kBlock = 64, kParts = 8;
    const InputGradient& to = args.input_gradients[0];
    const float *x = args.inputs[0].sample<const float>(s), *g = args.gradient.sample<const float>(s);
    const float lo = lo_, hi = hi_;
    double sum = 0;
    for (std::int64_t first = 0; first < elements_; first += kBlock) {
      const std::int64_t last = first + kBlock < elements_ ? first + kBlock : elements_;
      float parts[kParts] = {};
      for (std::int64_t i = first; i < last; ++i) {
        const float at = x[i] * inverse, code = round_within(at, lo, hi);
        const bool is_in = at >= lo && at <= hi;
        parts[i % kParts] += g[i] * (is_in ? code - at : code);
      }
      for (const float part : parts) sum += static_cast<double>(part);
    }
    if (to.is_wanted())
      write_gradient(to, s, elements_, [&](std::int64_t i) {
        const float at = x[i] * inverse;
        return at >= lo && at <= hi ? g[i] : 0.0f;
      });
    return sum;
  }

  const std::string name_;
  const std::int64_t elements_;
  const std::int32_t zero_point_;
  const float lo_, hi_;
  const double gradient_scale_;
  const bool learns_;
  GroupSums sums_;
  std::vector<float> log_step_, gradient_;
};

}  // namespace

std::unique_ptr<FakeQuantize> make_fake_quantize(const ValueType& codes, bool learns, const NodeSpec& spec) {
  return std::make_unique<FakeQuantizeNode>(codes, learns, spec);
}

}  // namespace lowbit::train
