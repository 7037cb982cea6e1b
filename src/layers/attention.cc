// Blocks of queries of one head at a time: their scores against all keys, the softmax of each row, and the
// product with the values, which are gathered transposed because the kernel multiplies by rows.
#include "lowbit/layers/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fp32/fp32_kernel.h"
#include "layers/softmax_row.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

/// A sample [B, heads, rows, size] or [B, rows, heads, size].
struct Heads {
  std::int64_t batch = 1, heads = 1, rows = 1, size = 1;
  std::int64_t batch_stride = 0, head_stride = 0, row_stride = 0;

  Heads() = default;
  Heads(const Shape& shape, bool by_head) {
    batch = shape[0], heads = shape[by_head ? 1 : 2], rows = shape[by_head ? 2 : 1], size = shape[3];
    head_stride = by_head ? rows * size : size;
    row_stride = by_head ? size : heads * size;
    batch_stride = heads * rows * size;
  }
  std::int64_t at(std::int64_t b, std::int64_t h) const { return b * batch_stride + h * head_stride; }
};

/// Strides of the axes [B, H, M, N] in a mask, 0 where it has one element for all.
std::array<std::int64_t, 4> mask_strides(const Shape& mask) {
  std::array<std::int64_t, 4> strides{};
  std::int64_t stride = 1;
  for (int axis = 4; axis-- > 0; stride *= mask[axis])
    strides[static_cast<std::size_t>(axis)] = mask[axis] == 1 ? 0 : stride;
  return strides;
}

class AttentionStep final : public Step {
 public:
  AttentionStep(const AttentionOp& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        q_(spec.inputs[0]->shape, op.queries_by_head),
        k_(spec.inputs[1]->shape, op.keys_by_head),
        v_(spec.inputs[2]->shape, op.values_by_head),
        out_(spec.output->shape, op.result_by_head),
        scale_(op.scale) {
    if (spec.inputs.size() == 4) mask_ = mask_strides(spec.inputs[3]->shape);
    block_ = std::min(q_.rows, kMostRows);
    blocks_ = ceil_div(q_.rows, std::max<std::int64_t>(block_, 1));
    scores_ = round_up(block_ * k_.rows, 16);
    values_ = round_up(v_.size * k_.rows, 16);
    product_ = round_up(std::max(kernel_.gemm_scratch(block_, k_.rows, q_.size),
                                 kernel_.gemm_scratch(block_, v_.size, k_.rows)),
                        16);
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return static_cast<std::size_t>(room() * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    const std::int64_t count = args.batch * q_.batch * q_.heads * blocks_;
    const std::int64_t work = count * block_ * k_.rows * (q_.size + v_.size);
    const std::int64_t tasks = args.executor && work >= kParallelWork
                                   ? std::min<std::int64_t>(args.executor->concurrency(), count)
                                   : 1;
    const auto task = [&](int t) {
      float* room_of_task = reinterpret_cast<float*>(args.scratch) + t * room();
      for (std::int64_t i = t; i < count; i += tasks) run_block(args, i, room_of_task);
    };
    if (tasks <= 1)
      task(0);
    else
      args.executor->parallel_for(static_cast<int>(tasks), task);
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  static constexpr std::int64_t kMostRows = 128;
  static constexpr std::int64_t kParallelWork = 500000;  // multiplications that are worth a second thread

  std::int64_t room() const { return scores_ + values_ + product_; }

  /// Block i of all heads of all samples.
  void run_block(const StepArgs& args, std::int64_t i, float* scores) const {
    float *values = scores + scores_, *scratch = values + values_;
    const std::int64_t first = i % blocks_ * block_, rows = std::min(block_, q_.rows - first);
    const std::int64_t h = i / blocks_ % q_.heads, item = i / (blocks_ * q_.heads);
    const std::int64_t b = item % q_.batch, s = item / q_.batch, group = h / (q_.heads / k_.heads);
    const float* q = args.inputs[0].sample<const float>(s) + q_.at(b, h) + first * q_.row_stride;
    multiply(q, q_.row_stride, rows, args.inputs[1].sample<const float>(s) + k_.at(b, group), k_.row_stride,
             k_.rows, q_.size, scores, k_.rows, scratch);
    const float* mask = args.inputs.size() == 4 ? args.inputs[3].sample<const float>(s) + b * mask_[0] +
                                                      h * mask_[1] + first * mask_[2]
                                                : nullptr;
    for (std::int64_t r = 0; r < rows; ++r) weigh(scores + r * k_.rows, mask ? mask + r * mask_[2] : nullptr);
    transpose(args.inputs[2].sample<const float>(s) + v_.at(b, group), values);
    float* out = args.output.sample<float>(s) + out_.at(b, h) + first * out_.row_stride;
    multiply(scores, k_.rows, rows, values, k_.rows, v_.size, k_.rows, out, out_.row_stride, scratch);
  }

  /// Scores of one query become weights of the values.
  void weigh(float* row, const float* mask) const {
    const std::int64_t n = k_.rows;
    if (!mask)
      for (std::int64_t i = 0; i < n; ++i) row[i] *= scale_;
    else if (mask_[3] == 0)
      for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * scale_ + mask[0];
    else
      for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * scale_ + mask[i];
    softmax_row(row, n, row);
  }

  void transpose(const float* v, float* values) const {
    constexpr std::int64_t kTile = 16;
    for (std::int64_t row = 0; row < v_.rows; row += kTile) {
      const std::int64_t end = std::min(row + kTile, v_.rows);
      for (std::int64_t c = 0; c < v_.size; ++c)
        for (std::int64_t r = row; r < end; ++r) values[c * v_.rows + r] = v[r * v_.row_stride + c];
    }
  }

  /// c[m][n] = a[m][k] w[n][k].
  void multiply(const float* a, std::int64_t a_stride, std::int64_t m, const float* w, std::int64_t w_stride,
                std::int64_t n, std::int64_t k, float* c, std::int64_t c_stride, float* scratch) const {
    fp32::GemmArgs g;
    g.m = m, g.n = n, g.k = k;
    g.a = a, g.a_stride = a_stride;
    g.w = w, g.w_stride = w_stride;
    g.c = c, g.c_stride = c_stride;
    g.lo = Activation{}.lo, g.hi = Activation{}.hi;
    g.scratch = scratch;
    kernel_.gemm(g);
  }

  const fp32::Fp32Kernel& kernel_;
  Heads q_, k_, v_, out_;
  std::array<std::int64_t, 4> mask_{};
  float scale_ = 1.0f;
  std::int64_t block_ = 1, blocks_ = 1;                 ///< of queries
  std::int64_t scores_ = 0, values_ = 0, product_ = 0;  ///< floats of scratch
};

}  // namespace

Shape infer_shape(const AttentionOp& op, std::span<const Shape> inputs) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("Attention: {}", what));
  };
  if (inputs.size() != 3 && inputs.size() != 4)
    refuse(fmt::format("takes 3 or 4 inputs, not {}", inputs.size()));
  for (const Shape& shape : inputs)
    if (shape.rank() != 4 || shape.elements() == 0)
      refuse(fmt::format("inputs have four dimensions and elements, not {}", shape.to_string()));
  if (!std::isfinite(op.scale))
    throw Error(ErrorCode::invalid_argument, fmt::format("Attention: the scale is {}", op.scale));
  const Heads q(inputs[0], op.queries_by_head), k(inputs[1], op.keys_by_head),
      v(inputs[2], op.values_by_head);
  if (q.batch != k.batch || q.batch != v.batch || k.heads != v.heads || q.heads % k.heads != 0 ||
      q.size != k.size || k.rows != v.rows)
    refuse(fmt::format("queries {}, keys {} and values {} do not go together", inputs[0].to_string(),
                       inputs[1].to_string(), inputs[2].to_string()));
  const std::array<std::int64_t, 4> scores{q.batch, q.heads, q.rows, k.rows};
  for (int axis = 0; inputs.size() == 4 && axis < 4; ++axis)
    if (inputs[3][axis] != 1 && inputs[3][axis] != scores[static_cast<std::size_t>(axis)])
      refuse(fmt::format("a mask {} for scores {}", inputs[3].to_string(), Shape(scores).to_string()));
  return op.result_by_head ? Shape{q.batch, q.heads, q.rows, v.size}
                           : Shape{q.batch, q.rows, q.heads, v.size};
}

std::unique_ptr<Step> make_step(const AttentionOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, AttentionOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Attention computes on f32 values only");
  return std::make_unique<AttentionStep>(op, spec);
}

}  // namespace lowbit::ops
