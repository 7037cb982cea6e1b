// SPDX-License-Identifier: Apache-2.0
// Reduce: each element gets the gradient of the sum that it is part of, times what it does to that sum. The
// gradient of an extreme goes to the first of the elements that are equal to it, in the order of the memory.
#include <algorithm>

#include "core/elementary.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// What a sample's reduction leaves for its backward pass, an entry for each element of the output.
struct ReduceSums {
  double* product;      ///< of the elements that are not zero
  std::int64_t* count;  ///< elements that are zero; of an extreme, those that have got its gradient
};

class ReduceNode final : public StepNode<ops::ReduceOp> {
 public:
  ReduceNode(const ops::ReduceOp& op, const NodeSpec& spec)
      : StepNode(op, spec),
        in_(*spec.inputs[0]),
        elements_(sample_elements(*spec.inputs[0])),
        results_(sample_elements(*spec.output)),
        tasks_(spec.concurrency) {
    const Shape &from = spec.inputs[0]->shape, &to = spec.output->shape;
    const ops::Box out(*spec.output);
    for (int axis = 0, kept = 0; axis < from.rank(); ++axis) {
      const bool reduced = std::find(op.axes.begin(), op.axes.end(), axis) != op.axes.end();
      if (!reduced)
        stride_[ops::memory_axis(from.rank(), axis)] = out.stride[ops::memory_axis(to.rank(), kept)];
      if (!reduced || op.keep_axes) ++kept;
    }
  }

  std::size_t scratch_bytes() const override {
    const auto rooms = static_cast<std::size_t>(tasks_ * results_);
    return std::max(StepNode::scratch_bytes(), rooms * (sizeof(double) + sizeof(std::int64_t)));
  }

  void backward(const BackwardArgs& args) noexcept override {
    if (!args.input_gradients[0].is_wanted()) return;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t task) {
                 auto* products = reinterpret_cast<double*>(args.scratch);
                 auto* counts = reinterpret_cast<std::int64_t*>(products + tasks_ * results_);
                 const ReduceSums sums{products + task * results_, counts + task * results_};
                 for (std::int64_t s = first; s < last; ++s) backward_sample(args, s, sums);
               });
  }

 private:
  /// Calls body(element of the input, element of the output).
  template <class Body>
  void for_elements(Body&& body) const {
    ops::for_lines(in_.size, in_.stride, stride_, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = 0; i < in_.size.back(); ++i) body(from + i, to + i * stride_.back());
    });
  }

  void backward_sample(const BackwardArgs& args, std::int64_t s, const ReduceSums& sums) const {
    const InputGradient& wanted = args.input_gradients[0];
    const float *x = args.inputs[0].sample<const float>(s), *y = args.output.sample<const float>(s),
                *g = args.gradient.sample<const float>(s);
    float* to = wanted.to.sample<float>(s);
    std::fill_n(sums.count, results_, 0);
    if (op_.reduction == ops::Reduction::prod) {
      std::fill_n(sums.product, results_, 1.0);
      for_elements([&](std::int64_t i, std::int64_t o) {
        if (x[i] == 0)
          ++sums.count[o];
        else
          sums.product[o] *= static_cast<double>(x[i]);
      });
    }
    for_elements([&](std::int64_t i, std::int64_t o) {
      const double slope = slope_at(static_cast<double>(x[i]), static_cast<double>(y[o]), o, sums);
      const auto d = static_cast<float>(slope * static_cast<double>(g[o]));
      to[i] = wanted.adds ? to[i] + d : d;
    });
  }

  /// Of result y by its element x.
  double slope_at(double x, double y, std::int64_t o, const ReduceSums& sums) const {
    using ops::Reduction;
    switch (op_.reduction) {
      case Reduction::sum:
        return 1;
      case Reduction::mean:
        return static_cast<double>(results_) / static_cast<double>(elements_);
      case Reduction::max:
      case Reduction::min:
        return x == y && sums.count[o]++ == 0 ? 1 : 0;
      case Reduction::prod:
        if (x == 0) return sums.count[o] == 1 ? sums.product[o] : 0;
        return sums.count[o] > 0 ? 0 : sums.product[o] / x;
      case Reduction::l1:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
      case Reduction::l2:
        return y > 0 ? x / y : 0;
      case Reduction::sum_square:
        return 2 * x;
      case Reduction::log_sum:
        return elementary::exp(-y);
      case Reduction::log_sum_exp:
        return elementary::exp(x - y);
    }
    return 0;
  }

  const ops::Box in_;
  const std::int64_t elements_, results_, tasks_;
  ops::BoxDims stride_{};  ///< in the output, of the axes of the input
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::ReduceOp& op, const NodeSpec& spec) {
  return std::make_unique<ReduceNode>(op, spec);
}

}  // namespace lowbit::train
