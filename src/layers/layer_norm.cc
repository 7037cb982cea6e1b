// SPDX-License-Identifier: Apache-2.0
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
  LayerNormStep(const LayerNormOp& op, const ValueType& in, const ValueType& out)
      : box_(out), op_(op), in_(in.qparams), is_codes_(out.dtype == DType::u8) {
    const int rank = out.shape.rank();
    axis_ = memory_axis(rank, rank - 1);
    n_ = out.shape[rank - 1];
    op_.scale.resize(static_cast<std::size_t>(n_), 1.0f);
    op_.shift.resize(static_cast<std::size_t>(n_), 0.0f);
    if (!is_codes_) return;
    range_ = code_range(out, {});
    inverse_scale_ = multiplier(1.0, static_cast<double>(out.qparams.scale));
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return is_in_place() ? 0 : static_cast<std::size_t>(line_room() * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    // Lines are counted along the other axes.
    Box lines = box_;
    lines.size[axis_] = 1;
    std::int64_t count = args.batch;
    for (const std::int64_t size : lines.size) count *= size;
    for_shares(args, count, count * n_, kParallelWork, [&](std::int64_t i, int t) {
      run_line(args, lines, i,
               is_in_place() ? nullptr : reinterpret_cast<float*>(args.scratch) + t * line_room());
    });
  }

 private:
  static constexpr std::int64_t kParallelWork = 32768;  // elements that are worth a second thread

  bool is_in_place() const { return !is_codes_ && box_.stride[axis_] == 1; }
  std::int64_t line_room() const { return round_up(n_, 16); }

  void run_line(const StepArgs& args, const Box& lines, std::int64_t i, float* room) const {
    std::int64_t at = 0;
    for (std::size_t axis = lines.size.size(); axis-- > 0;) {
      at += i % lines.size[axis] * box_.stride[axis];
      i /= lines.size[axis];
    }
    if (!room)  // in place
      return normalize(args.inputs[0].sample<const float>(i) + at, args.output.sample<float>(i) + at);
    const std::int64_t stride = box_.stride[axis_];
    if (is_codes_) {
      const auto* in = args.inputs[0].sample<const std::uint8_t>(i) + at;
      const auto zero = static_cast<float>(in_.zero_point);
      for (std::int64_t k = 0; k < n_; ++k) room[k] = (static_cast<float>(in[k * stride]) - zero) * in_.scale;
      normalize(room, room);
      auto* out = args.output.sample<std::uint8_t>(i) + at;
      for (std::int64_t k = 0; k < n_; ++k) out[k * stride] = u8_code(range_, room[k] * inverse_scale_);
      return;
    }
    const float* in = args.inputs[0].sample<const float>(i) + at;
    for (std::int64_t k = 0; k < n_; ++k) room[k] = in[k * stride];
    normalize(room, room);
    float* out = args.output.sample<float>(i) + at;
    for (std::int64_t k = 0; k < n_; ++k) out[k * stride] = room[k];
  }

  void normalize(const float* x, float* y) const {
    const auto n = static_cast<float>(n_);
    const float mean = op_.is_centred ? sum_of(x, n_, [](float v) { return v; }) / n : 0.0f;
    const float squares = sum_of(x, n_, [mean](float v) { return (v - mean) * (v - mean); });
    const float factor = 1.0f / std::sqrt(squares / n + op_.epsilon);
    const float *scale = op_.scale.data(), *shift = op_.shift.data();
    for (std::int64_t i = 0; i < n_; ++i) y[i] = (x[i] - mean) * factor * scale[i] + shift[i];
  }

  Box box_;
  LayerNormOp op_;
  QParams in_;
  bool is_codes_;
  CodeRange range_{};
  float inverse_scale_ = 1.0f;
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
  if (require_same_dtype(spec, LayerNormOp::kName) == DType::i64)
    throw Error(ErrorCode::unsupported, "LayerNorm does not compute on integers");
  if (spec.output->dtype == DType::u8) {
    require_qparams(*spec.inputs[0], LayerNormOp::kName);
    require_qparams(*spec.output, LayerNormOp::kName);
  }
  return std::make_unique<LayerNormStep>(op, *spec.inputs[0], *spec.output);
}

}  // namespace lowbit::ops
