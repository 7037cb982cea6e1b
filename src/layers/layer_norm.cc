// Line by line. A sum is kept in 16 parts, element i in part i % 16, which are added up at the end in the
// order of a binary tree: vectors of any width can do that, and get the same bits.
#include "lowbit/layers/layer_norm.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

constexpr std::int64_t kParts = 16;
using Parts = std::array<float, kParts>;

float total(Parts parts) {
  for (std::size_t half = kParts / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) parts[i] += parts[i + half];
  return parts[0];
}

/// The sum of term(x[i]) over a line.
template <class Term>
float sum_of(const float* x, std::int64_t n, Term term) {
  Parts parts{};
  std::int64_t i = 0;
  for (; i + kParts <= n; i += kParts)
    for (std::int64_t p = 0; p < kParts; ++p) parts[static_cast<std::size_t>(p)] += term(x[i + p]);
  for (std::int64_t p = 0; i < n; ++i, ++p) parts[static_cast<std::size_t>(p)] += term(x[i]);
  return total(parts);
}

class LayerNormStep final : public Step {
 public:
  LayerNormStep(const LayerNormOp& op, const ValueType& type) : box_(type), op_(op) {
    const int rank = type.shape.rank();
    axis_ = memory_axis(rank, rank - 1);
    n_ = type.shape[rank - 1];
    op_.scale.resize(static_cast<std::size_t>(n_), 1.0f);
    op_.shift.resize(static_cast<std::size_t>(n_), 0.0f);
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return box_.stride[axis_] == 1 ? 0
                                   : static_cast<std::size_t>(round_up(n_, 16) * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    if (box_.stride[axis_] == 1) {
      const std::int64_t lines = n_ == 0 ? 0 : box_.stride[0] * box_.size[0] / n_;
      return for_pixel_blocks(
          args, lines, 4 * n_, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i)
              run_line(args.inputs[0].sample<const float>(s) + i * n_, args.output.sample<float>(s) + i * n_);
          });
    }
    auto* line = reinterpret_cast<float*>(args.scratch);
    Box lines = box_;
    lines.size[axis_] = 1;
    for (std::int64_t s = 0; s < args.batch; ++s)
      for_lines(lines.size, box_.stride, box_.stride, [&](std::int64_t first, std::int64_t) {
        for (std::int64_t k = 0; k < lines.size.back(); ++k)
          run_strided(args.inputs[0].sample<const float>(s) + first + k,
                      args.output.sample<float>(s) + first + k, line);
      });
  }

 private:
  void run_strided(const float* in, float* out, float* line) const {
    const std::int64_t stride = box_.stride[axis_];
    for (std::int64_t i = 0; i < n_; ++i) line[i] = in[i * stride];
    run_line(line, line);
    for (std::int64_t i = 0; i < n_; ++i) out[i * stride] = line[i];
  }

  void run_line(const float* x, float* y) const {
    const auto n = static_cast<float>(n_);
    const float mean = op_.is_centred ? sum_of(x, n_, [](float v) { return v; }) / n : 0.0f;
    const float squares = sum_of(x, n_, [mean](float v) { return (v - mean) * (v - mean); });
    const float factor = 1.0f / std::sqrt(squares / n + op_.epsilon);
    const float *scale = op_.scale.data(), *shift = op_.shift.data();
    for (std::int64_t i = 0; i < n_; ++i) y[i] = (x[i] - mean) * factor * scale[i] + shift[i];
  }

  Box box_;
  LayerNormOp op_;
  std::size_t axis_ = 0;
  std::int64_t n_ = 1;
};

}  // namespace

Shape infer_shape(const LayerNormOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, LayerNormOp::kName);
  const int rank = inputs[0].rank();
  if (rank == 0 || !(op.epsilon >= 0.0f) || std::isinf(op.epsilon))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("LayerNorm: needs a last axis and an epsilon of at least 0, not the shape {} and {}",
                    inputs[0].to_string(), op.epsilon));
  for (const std::vector<float>* v : {&op.scale, &op.shift})
    if (!v->empty() && static_cast<std::int64_t>(v->size()) != inputs[0][rank - 1])
      throw Error(ErrorCode::shape_mismatch, fmt::format("LayerNorm: {} factors for the last axis of {}",
                                                         v->size(), inputs[0].to_string()));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const LayerNormOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, LayerNormOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "LayerNorm computes on f32 values only");
  return std::make_unique<LayerNormStep>(op, *spec.output);
}

}  // namespace lowbit::ops
