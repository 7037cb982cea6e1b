// SPDX-License-Identifier: Apache-2.0
// Pools. The gradient of a window goes to its largest element, the first of several, or to all of them alike.
#include <type_traits>

#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// One window along one axis: positions first, first + dilation, ... below last, and how many there are with
/// those in the padding.
struct Span {
  std::int64_t first = 0, last = 0, padded = 0;
};

Span window_span(const ops::Window& w, std::size_t axis, std::int64_t position, std::int64_t size) {
  const std::int64_t d = w.dilation[axis], start = position * w.stride[axis] - w.pad[axis];
  const std::int64_t end = start + (w.kernel[axis] - 1) * d + 1, room = size + w.pad[axis + 2];
  return {start < 0 ? start + ops::ceil_div(-start, d) * d : start, end < size ? end : size,
          ops::ceil_div((end < room ? end : room) - start, d)};
}

template <class Op>
class PoolNode : public StepNode<Op> {
 public:
  PoolNode(const Op& op, const NodeSpec& spec)
      : StepNode<Op>(op, spec), in_(spec.inputs[0]->layout()), out_(spec.output->layout()) {}

  void backward(const BackwardArgs& args) noexcept override {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) {
                   clear_unless_added(to, s, in_.pixels() * in_.channels);
                   backward_sample(args, s);
                 }
               });
  }

 protected:
  const SampleLayout in_, out_;

 private:
  void backward_sample(const BackwardArgs& args, std::int64_t s) const {
    const float *x = args.inputs[0].template sample<const float>(s),
                *g = args.gradient.template sample<const float>(s);
    float* to = args.input_gradients[0].to.template sample<float>(s);
    for (std::int64_t oy = 0; oy < out_.height; ++oy)
      for (std::int64_t ox = 0; ox < out_.width; ++ox, g += out_.channels) window(x, g, to, oy, ox);
  }

  void window(const float* x, const float* g, float* to, std::int64_t oy, std::int64_t ox) const {
    const ops::Window& w = this->op_.window;
    const Span rows = window_span(w, 0, oy, in_.height), columns = window_span(w, 1, ox, in_.width);
    if constexpr (std::is_same_v<Op, ops::MaxPoolOp>) {
      for (std::int64_t c = 0; c < out_.channels; ++c) {
        std::int64_t best = -1;
        for (std::int64_t iy = rows.first; iy < rows.last; iy += w.dilation[0])
          for (std::int64_t ix = columns.first; ix < columns.last; ix += w.dilation[1]) {
            const std::int64_t at = (iy * in_.width + ix) * in_.channels + c;
            if (best < 0 || x[at] > x[best]) best = at;
          }
        if (best >= 0) to[best] += g[c];
      }
    } else {
      std::int64_t inside = 0;
      for (std::int64_t iy = rows.first; iy < rows.last; iy += w.dilation[0])
        for (std::int64_t ix = columns.first; ix < columns.last; ix += w.dilation[1]) ++inside;
      const std::int64_t count = this->op_.count_include_pad ? rows.padded * columns.padded : inside;
      const auto divisor = static_cast<float>(count > 0 ? count : 1);
      for (std::int64_t iy = rows.first; iy < rows.last; iy += w.dilation[0])
        for (std::int64_t ix = columns.first; ix < columns.last; ix += w.dilation[1]) {
          float* pixel = to + (iy * in_.width + ix) * in_.channels;
          for (std::int64_t c = 0; c < out_.channels; ++c) pixel[c] += g[c] / divisor;
        }
    }
  }
};

class GlobalAverageNode final : public StepNode<ops::GlobalAveragePoolOp> {
 public:
  GlobalAverageNode(const ops::GlobalAveragePoolOp& op, const NodeSpec& spec)
      : StepNode(op, spec), in_(spec.inputs[0]->layout()) {}

  void backward(const BackwardArgs& args) noexcept override {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    const auto pixels = static_cast<float>(in_.pixels());
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) {
                   const float* g = args.gradient.sample<const float>(s);
                   float* pixel = to.to.sample<float>(s);
                   for (std::int64_t p = 0; p < in_.pixels(); ++p, pixel += in_.channels)
                     for (std::int64_t c = 0; c < in_.channels; ++c)
                       pixel[c] = to.adds ? pixel[c] + g[c] / pixels : g[c] / pixels;
                 }
               });
  }

 private:
  const SampleLayout in_;
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::MaxPoolOp& op, const NodeSpec& spec) {
  return std::make_unique<PoolNode<ops::MaxPoolOp>>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::AveragePoolOp& op, const NodeSpec& spec) {
  return std::make_unique<PoolNode<ops::AveragePoolOp>>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::GlobalAveragePoolOp& op, const NodeSpec& spec) {
  return std::make_unique<GlobalAverageNode>(op, spec);
}

}  // namespace lowbit::train
