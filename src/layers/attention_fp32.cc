// SPDX-License-Identifier: Apache-2.0
// Attention in floats. A block of queries at a time: the scores against all keys, the softmax of each row,
// and the product with the values, which are gathered transposed because the kernel multiplies by rows.
#include "fp32/fp32_kernel.h"
#include "kernels/functions/function_kernel.h"
#include "layers/attention_steps.h"

namespace lowbit::ops {
namespace {

class AttentionFp32 final : public Step {
 public:
  AttentionFp32(const AttentionOp& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        functions_(kernels::select_function_kernel(spec.isa)),
        plan_(op, spec, 128),
        scale_(op.scale) {
    const std::int64_t n = plan_.keys.rows, rows = plan_.block;
    scores_ = round_up(rows * n, 16);
    values_ = round_up(plan_.values.size * n, 16);
    product_ = round_up(std::max(kernel_.gemm_scratch(rows, n, plan_.queries.size),
                                 kernel_.gemm_scratch(rows, plan_.values.size, n)),
                        16);
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return static_cast<std::size_t>(room() * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    plan_.for_blocks(args, [&](const AttentionBlock& block, int task) {
      run_block(args, block, reinterpret_cast<float*>(args.scratch) + task * room());
    });
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  static constexpr std::int64_t kFewRows = 3;

  std::int64_t room() const { return scores_ + values_ + product_; }

  void run_block(const StepArgs& args, const AttentionBlock& b, float* scores) const {
    const Heads &q = plan_.queries, &k = plan_.keys, &v = plan_.values, &out = plan_.out;
    float *values = scores + scores_, *scratch = values + values_;
    fp32::GemmArgs g;
    g.lo = Activation{}.lo, g.hi = Activation{}.hi;
    g.scratch = scratch;
    g.m = b.rows, g.n = k.rows, g.k = q.size;
    g.a = args.inputs[0].sample<const float>(b.sample) + q.at(b.item, b.head) + b.first * q.row_stride;
    g.a_stride = q.row_stride;
    g.w = args.inputs[1].sample<const float>(b.sample) + k.at(b.item, b.group), g.w_stride = k.row_stride;
    g.c = scores, g.c_stride = k.rows;
    kernel_.gemm(g);
    const float* mask = plan_.mask_of(args, b);
    for (std::int64_t r = 0; r < b.rows; ++r)
      weigh(scores + r * k.rows, mask ? mask + r * plan_.mask[2] : nullptr);
    const float* from = args.inputs[2].sample<const float>(b.sample) + v.at(b.item, b.group);
    if (b.rows <= kFewRows) return average_few(args, b, scores, from);
    transpose(from, values);
    g.n = v.size, g.k = k.rows;
    g.a = scores, g.a_stride = k.rows;
    g.w = values, g.w_stride = k.rows;
    g.c = args.output.sample<float>(b.sample) + out.at(b.item, b.head) + b.first * out.row_stride;
    g.c_stride = out.row_stride;
    kernel_.gemm(g);
  }

  /// Scores of one query become weights of the values.
  void weigh(float* row, const float* mask) const {
    const std::int64_t n = plan_.keys.rows;
    if (!mask)
      for (std::int64_t i = 0; i < n; ++i) row[i] *= scale_;
    else if (plan_.mask[3] == 0)
      for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * scale_ + mask[0];
    else
      for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * scale_ + mask[i];
    functions_.softmax(row, static_cast<std::size_t>(n), row);
  }

  /// For so few queries, one token after others, that values are read once as they lie.
  void average_few(const StepArgs& args, const AttentionBlock& b, const float* weights,
                   const float* v) const {
    const Heads &from = plan_.values, &out = plan_.out;
    float* to = args.output.sample<float>(b.sample) + out.at(b.item, b.head) + b.first * out.row_stride;
    for (std::int64_t r = 0; r < b.rows; ++r, to += out.row_stride, weights += from.rows) {
      std::fill_n(to, from.size, 0.0f);
      for (std::int64_t key = 0; key < from.rows; ++key) {
        const float* value = v + key * from.row_stride;
        for (std::int64_t i = 0; i < from.size; ++i) to[i] += weights[key] * value[i];
      }
    }
  }

  void transpose(const float* v, float* values) const {
    constexpr std::int64_t kTile = 16;
    const Heads& from = plan_.values;
    for (std::int64_t row = 0; row < from.rows; row += kTile) {
      const std::int64_t end = std::min(row + kTile, from.rows);
      for (std::int64_t c = 0; c < from.size; ++c)
        for (std::int64_t r = row; r < end; ++r) values[c * from.rows + r] = v[r * from.row_stride + c];
    }
  }

  const fp32::Fp32Kernel& kernel_;
  const kernels::FunctionKernel& functions_;
  AttentionPlan plan_;
  float scale_;
  std::int64_t scores_ = 0, values_ = 0, product_ = 0;  ///< floats of scratch
};

}  // namespace

std::unique_ptr<Step> make_attention_fp32(const AttentionOp& op, const StepSpec& spec) {
  return std::make_unique<AttentionFp32>(op, spec);
}

}  // namespace lowbit::ops
