// SPDX-License-Identifier: Apache-2.0
// Local response normalization: y_c = x_c s_c^-beta, s_c the offset and the part alpha / size of the squares
// in the channels around c. An element counts in the s of all channels that it is around.
#include <algorithm>

#include "core/elementary.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

class LrnNode final : public StepNode<ops::LrnOp> {
 public:
  LrnNode(const ops::LrnOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        layout_(spec.output->layout()),
        tasks_(static_cast<std::size_t>(spec.concurrency)),
        before_((op.size - 1) / 2),
        behind_(op.size / 2) {}

  std::size_t scratch_bytes() const override {
    return std::max(StepNode::scratch_bytes(),
                    tasks_ * static_cast<std::size_t>(layout_.channels) * sizeof(double));
  }

  void backward(const BackwardArgs& args) noexcept override {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* room = reinterpret_cast<double*>(args.scratch) + task * layout_.channels;
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::int64_t p = 0; p < layout_.pixels(); ++p) {
                     const std::int64_t at = p * layout_.pixel_stride;
                     backward_pixel(args.inputs[0].sample<const float>(s) + at,
                                    args.gradient.sample<const float>(s) + at, to.to.sample<float>(s) + at,
                                    to.adds, room);
                   }
               });
  }

 private:
  double part() const { return static_cast<double>(op_.alpha) / static_cast<double>(op_.size); }

  double sum_around(const float* x, std::int64_t c) const {
    double squares = 0;
    for (std::int64_t i = std::max<std::int64_t>(0, c - before_);
         i < std::min(layout_.channels, c + behind_ + 1); ++i)
      squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return static_cast<double>(op_.offset) + part() * squares;
  }

  /// `shares`: what each channel's result gives to the squares around it.
  void backward_pixel(const float* x, const float* g, float* to, bool adds, double* shares) const {
    const auto beta = static_cast<double>(op_.beta);
    for (std::int64_t c = 0; c < layout_.channels; ++c)
      shares[c] = static_cast<double>(g[c]) * static_cast<double>(x[c]) *
                  elementary::pow(sum_around(x, c), -beta - 1);
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      double sum = 0;
      for (std::int64_t i = std::max<std::int64_t>(0, c - behind_);
           i < std::min(layout_.channels, c + before_ + 1); ++i)
        sum += shares[i];
      const auto d = static_cast<float>(static_cast<double>(g[c]) * elementary::pow(sum_around(x, c), -beta) -
                                        2 * part() * beta * static_cast<double>(x[c]) * sum);
      to[c] = adds ? to[c] + d : d;
    }
  }

  const SampleLayout layout_;
  const std::size_t tasks_;
  const std::int64_t before_, behind_;  ///< channels that count
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::LrnOp& op, const NodeSpec& spec) {
  return std::make_unique<LrnNode>(op, spec);
}

}  // namespace lowbit::train
