// SPDX-License-Identifier: Apache-2.0
// Operators whose output element depends on the input elements at its place: Add, Clamp, Function.
#include "core/elementary.h"
#include "train/loops/channel_loops.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// Of samples first to last - 1: what an activation lets through.
void pass_gradients(const ChannelLoops& loops, const ops::Activation& activation, const BackwardArgs& args,
                    const InputGradient& to, std::int64_t first, std::int64_t last, std::int64_t elements) {
  if (!to.is_wanted()) return;
  for (std::int64_t s = first; s < last; ++s)
    loops.pass({.count = elements,
                .y = args.output.sample<const float>(s),
                .gradient = args.gradient.sample<const float>(s),
                .lo = activation.lo,
                .hi = activation.hi,
                .to = to.to.sample<float>(s),
                .adds = to.adds});
}

class AddNode final : public StepNode<ops::AddOp> {
 public:
  AddNode(const ops::AddOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        elements_(sample_elements(*spec.output)),
        loops_(select_channel_loops(spec.isa)) {}

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(
        *args.executor, args.batch, [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
          for (std::size_t i = args.input_gradients.size(); i-- > 0;)
            pass_gradients(loops_, op_.activation, args, args.input_gradients[i], first, last, elements_);
        });
  }

 private:
  std::int64_t elements_;
  const ChannelLoops& loops_;
};

class ClampNode final : public StepNode<ops::ClampOp> {
 public:
  ClampNode(const ops::ClampOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        elements_(sample_elements(*spec.output)),
        loops_(select_channel_loops(spec.isa)) {}

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(
        *args.executor, args.batch, [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
          pass_gradients(loops_, op_.activation, args, args.input_gradients[0], first, last, elements_);
        });
  }

 private:
  std::int64_t elements_;
  const ChannelLoops& loops_;
};

double hard_sigmoid_slope(const ops::FunctionOp& op, double x) {
  const double alpha = static_cast<double>(op.alpha), y = alpha * x + static_cast<double>(op.beta);
  return y > 0 && y < 1 ? alpha : 0;
}

double hard_sigmoid_value(const ops::FunctionOp& op, double x) {
  const double y = static_cast<double>(op.alpha) * x + static_cast<double>(op.beta);
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

double gelu_slope(double x) {
  constexpr double kRootHalf = 0.7071067811865476, kOneOverRootTwoPi = 0.3989422804014327;
  return 0.5 * (1 + elementary::erf(x * kRootHalf)) + x * kOneOverRootTwoPi * elementary::exp(-0.5 * x * x);
}

double gelu_tanh_slope(double x) {
  constexpr double kRootTwoOverPi = 0.7978845608028654, kCubic = 0.044715;
  const double t = elementary::tanh(kRootTwoOverPi * (x + kCubic * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kRootTwoOverPi * (1 + 3 * kCubic * x * x);
}

/// Of the function without scale and shift.
double slope(const ops::FunctionOp& op, double x) {
  using ops::Function;
  const double alpha = static_cast<double>(op.alpha);
  switch (op.function) {
    case Function::abs:
      return x > 0 ? 1 : x < 0 ? -1 : 0;
    case Function::elu:
      return x < 0 ? alpha * elementary::exp(x) : 1;
    case Function::erf:
      return 1.1283791670955126 * elementary::exp(-x * x);
    case Function::exp:
      return elementary::exp(x);
    case Function::gelu:
      return gelu_slope(x);
    case Function::gelu_tanh:
      return gelu_tanh_slope(x);
    case Function::hard_sigmoid:
      return hard_sigmoid_slope(op, x);
    case Function::hard_swish:
      return hard_sigmoid_value(op, x) + x * hard_sigmoid_slope(op, x);
    case Function::leaky_relu:
      return x < 0 ? alpha : 1;
    case Function::log:
      return 1 / x;
    case Function::power:
      return alpha * elementary::pow(x, alpha - 1);
    case Function::reciprocal:
      return -1 / (x * x);
    case Function::sigmoid: {
      const double y = elementary::sigmoid(x);
      return y * (1 - y);
    }
    case Function::silu: {
      const double y = elementary::sigmoid(alpha * x);
      return y + x * alpha * y * (1 - y);
    }
    case Function::softplus:
      return elementary::sigmoid(x);
    case Function::sqrt:
      return 0.5 / std::sqrt(x);
    case Function::tanh: {
      const double y = elementary::tanh(x);
      return 1 - y * y;
    }
  }
  return 0;
}

class FunctionNode final : public StepNode<ops::FunctionOp> {
 public:
  FunctionNode(const ops::FunctionOp& op, const NodeSpec& spec)
      : StepNode(op, spec), elements_(sample_elements(*spec.output)) {}

  void backward(const BackwardArgs& args) noexcept override {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    const double factor = static_cast<double>(op_.scale_after);
    for_groups(
        *args.executor, args.batch, [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
          for (std::int64_t s = first; s < last; ++s) {
            const float *x = args.inputs[0].sample<const float>(s), *g = args.gradient.sample<const float>(s);
            write_gradient(to, s, elements_, [&](std::int64_t i) {
              return static_cast<float>(factor * slope(op_, static_cast<double>(x[i])) *
                                        static_cast<double>(g[i]));
            });
          }
        });
  }

 private:
  std::int64_t elements_;
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::AddOp& op, const NodeSpec& spec) {
  return std::make_unique<AddNode>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::ClampOp& op, const NodeSpec& spec) {
  return std::make_unique<ClampNode>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::FunctionOp& op, const NodeSpec& spec) {
  return std::make_unique<FunctionNode>(op, spec);
}

}  // namespace lowbit::train
