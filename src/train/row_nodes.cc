// SPDX-License-Identifier: Apache-2.0
// Operators over lines of elements: Softmax, LayerNorm, and Embedding, which reads lines of a table.
#include <array>
#include <cmath>

#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// Lines of a sample along one logical axis.
struct Lines {
  ops::Box box;
  std::size_t axis = 0;
  std::int64_t length = 1, stride = 1, count = 0;

  Lines(const ValueType& type, int logical)
      : box(type),
        axis(ops::memory_axis(type.shape.rank(), logical)),
        length(box.size[axis]),
        stride(box.stride[axis]) {
    box.size[axis] = 1;
    count = 1;
    for (const std::int64_t size : box.size) count *= size;
  }
  /// Of the first element of line i.
  std::int64_t start(std::int64_t i) const {
    std::int64_t at = 0;
    for (std::size_t a = box.size.size(); a-- > 0; i /= box.size[a]) at += i % box.size[a] * box.stride[a];
    return at;
  }
};

class SoftmaxNode final : public StepNode<ops::SoftmaxOp> {
 public:
  SoftmaxNode(const ops::SoftmaxOp& op, const NodeSpec& spec)
      : StepNode(op, spec), lines_(*spec.output, static_cast<int>(op.axis)) {}

  void backward(const BackwardArgs& args) noexcept override {
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::int64_t i = 0; i < lines_.count; ++i) {
                     const std::int64_t at = lines_.start(i);
                     line(args.output.sample<const float>(s) + at, args.gradient.sample<const float>(s) + at,
                          to.to.sample<float>(s) + at, to.adds);
                   }
               });
  }

 private:
  void line(const float* y, const float* g, float* to, bool adds) const {
    double dot = 0;
    for (std::int64_t k = 0; k < lines_.length; ++k)
      dot += static_cast<double>(y[k * lines_.stride]) * static_cast<double>(g[k * lines_.stride]);
    for (std::int64_t k = 0; k < lines_.length; ++k) {
      const std::int64_t at = k * lines_.stride;
      const auto d = static_cast<float>(static_cast<double>(y[at]) * (static_cast<double>(g[at]) - dot));
      to[at] = adds ? to[at] + d : d;
    }
  }

  const Lines lines_;
};

ops::LayerNormOp without_factors(ops::LayerNormOp op) {
  op.scale.clear(), op.shift.clear();
  return op;
}

/// The step normalizes; factors and terms, which change, are applied here.
class LayerNormNode final : public StepNode<ops::LayerNormOp> {
 public:
  LayerNormNode(const ops::LayerNormOp& op, const NodeSpec& spec)
      : StepNode(without_factors(op), spec),
        name_(spec.name),
        lines_(*spec.output, spec.output->shape.rank() - 1),
        scale_(op.scale),
        shift_(op.shift),
        has_scale_(!op.scale.empty()),
        has_shift_(!op.shift.empty()) {
    const auto n = static_cast<std::size_t>(lines_.length);
    scale_.resize(n, 1.0f), shift_.resize(n, 0.0f);
    scale_gradient_.resize(n), shift_gradient_.resize(n);
    sums_.resize(static_cast<std::size_t>(SampleGroups::kMost) * 2 * n);
  }

  void forward(const ForwardArgs& args) noexcept override {
    StepNode::forward(args);
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::int64_t i = 0; i < lines_.count; ++i) {
                     float* y = args.output.sample<float>(s) + lines_.start(i);
                     for (std::int64_t k = 0; k < lines_.length; ++k, y += lines_.stride)
                       *y = *y * scale_[static_cast<std::size_t>(k)] + shift_[static_cast<std::size_t>(k)];
                   }
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    const auto n = static_cast<std::size_t>(lines_.length);
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 double* sums = sums_.data() + static_cast<std::size_t>(group) * 2 * n;
                 std::fill_n(sums, 2 * n, 0.0);
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::int64_t i = 0; i < lines_.count; ++i)
                     backward_line(args, s, lines_.start(i), sums);
               });
    for (std::size_t k = 0; k < n; ++k) {
      double scale = 0, shift = 0;
      for (std::int64_t group = 0; group < SampleGroups(args.batch).count; ++group) {
        const double* sums = sums_.data() + static_cast<std::size_t>(group) * 2 * n;
        scale += sums[k], shift += sums[n + k];
      }
      scale_gradient_[k] = static_cast<float>(scale);
      shift_gradient_[k] = static_cast<float>(shift);
    }
  }

  std::vector<Parameter> parameters() override {
    std::vector<Parameter> all;
    const Shape shape{lines_.length};
    if (has_scale_) all.push_back({name_ + ".scale", shape, ParameterKind::factor, scale_, scale_gradient_});
    if (has_shift_) all.push_back({name_ + ".shift", shape, ParameterKind::bias, shift_, shift_gradient_});
    return all;
  }

  void update(ops::Op& op) const override {
    auto& norm = std::get<ops::LayerNormOp>(op);
    if (has_scale_) norm.scale = scale_;
    if (has_shift_) norm.shift = shift_;
  }

 private:
  void backward_line(const BackwardArgs& args, std::int64_t s, std::int64_t start, double* sums) const {
    const float *x = args.inputs[0].sample<const float>(s) + start,
                *g = args.gradient.sample<const float>(s) + start;
    const std::int64_t n = lines_.length, step = lines_.stride;
    const auto real = [](float v) { return static_cast<double>(v); };
    double mean = 0, squares = 0;
    for (std::int64_t k = 0; op_.is_centred && k < n; ++k) mean += real(x[k * step]);
    mean /= static_cast<double>(n);
    for (std::int64_t k = 0; k < n; ++k) squares += (real(x[k * step]) - mean) * (real(x[k * step]) - mean);
    const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + real(op_.epsilon));
    double sum = 0, dot = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      const double normal = (real(x[k * step]) - mean) * factor, gradient = real(g[k * step]);
      const double scaled = gradient * real(scale_[static_cast<std::size_t>(k)]);
      sums[k] += gradient * normal, sums[n + k] += gradient;
      sum += scaled, dot += scaled * normal;
    }
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    sum = op_.is_centred ? sum / static_cast<double>(n) : 0;
    dot /= static_cast<double>(n);
    float* out = to.to.sample<float>(s) + start;
    for (std::int64_t k = 0; k < n; ++k) {
      const double normal = (real(x[k * step]) - mean) * factor;
      const double scaled = real(g[k * step]) * real(scale_[static_cast<std::size_t>(k)]);
      const auto d = static_cast<float>(factor * (scaled - sum - normal * dot));
      out[k * step] = to.adds ? out[k * step] + d : d;
    }
  }

  const std::string name_;
  const Lines lines_;
  std::vector<float> scale_, shift_, scale_gradient_, shift_gradient_;
  std::vector<double> sums_;  ///< [group][scale, shift][element]
  const bool has_scale_, has_shift_;
};

class EmbeddingNode final : public TapeNode {
 public:
  EmbeddingNode(const ops::EmbeddingOp& op, const NodeSpec& spec)
      : name_(spec.name),
        numbers_(spec.inputs[0]->shape.elements()),
        lines_(*spec.output, spec.output->shape.rank() - 1),
        table_(op.weight),
        gradient_(op.weight.data.size()) {
    const Shape& out = spec.output->shape;
    const ops::Box box(*spec.output);
    for (std::int64_t i = 0; i < numbers_; ++i) {
      std::int64_t at = 0, rest = i;
      for (int axis = out.rank() - 1; axis-- > 0; rest /= out[axis])
        at += rest % out[axis] * box.stride[ops::memory_axis(out.rank(), axis)];
      starts_.push_back(at);
    }
  }

  void forward(const ForwardArgs& args) noexcept override {
    for (std::int64_t s = 0; s < args.batch; ++s)
      for_rows(args.inputs[0].sample<const std::int64_t>(s), [&](std::int64_t row, std::int64_t at) {
        float* y = args.output.sample<float>(s) + at;
        const float* from = table_.data.data() + row * lines_.length;
        for (std::int64_t k = 0; k < lines_.length; ++k) y[k * lines_.stride] = from[k];
      });
  }

  /// On one thread: several samples may read one row.
  void backward(const BackwardArgs& args) noexcept override {
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    for (std::int64_t s = 0; s < args.batch; ++s)
      for_rows(args.inputs[0].sample<const std::int64_t>(s), [&](std::int64_t row, std::int64_t at) {
        const float* g = args.gradient.sample<const float>(s) + at;
        float* to = gradient_.data() + row * lines_.length;
        for (std::int64_t k = 0; k < lines_.length; ++k) to[k] += g[k * lines_.stride];
      });
  }

  std::vector<Parameter> parameters() override {
    return {{name_ + ".weight", table_.shape, ParameterKind::weight, table_.data, gradient_}};
  }
  void update(ops::Op& op) const override { std::get<ops::EmbeddingOp>(op).weight = table_; }

 private:
  /// Calls body(row of the table, offset of the line); numbers are limited as at inference.
  template <class Body>
  void for_rows(const std::int64_t* numbers, Body&& body) const {
    const std::int64_t rows = table_.shape[0];
    for (std::int64_t i = 0; i < numbers_; ++i) {
      const std::int64_t row = numbers[i] < 0 ? numbers[i] + rows : numbers[i];
      body(row < 0 ? 0 : row >= rows ? rows - 1 : row, starts_[static_cast<std::size_t>(i)]);
    }
  }
  const std::string name_;
  const std::int64_t numbers_;
  const Lines lines_;
  Tensor table_;
  std::vector<float> gradient_;
  std::vector<std::int64_t> starts_;  ///< in the output, of the line of each number
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::SoftmaxOp& op, const NodeSpec& spec) {
  return std::make_unique<SoftmaxNode>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::LayerNormOp& op, const NodeSpec& spec) {
  return std::make_unique<LayerNormNode>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::EmbeddingOp& op, const NodeSpec& spec) {
  return std::make_unique<EmbeddingNode>(op, spec);
}

}  // namespace lowbit::train
