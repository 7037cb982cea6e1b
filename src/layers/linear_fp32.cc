// SPDX-License-Identifier: Apache-2.0
// Linear in FP32. With one row a sample, the head of a classifier, the kernel reads the weights where the
// model holds them: they are read once a run, and are most of many a network. With several rows it is a
// convolution whose pixels are the rows, and whose window is one pixel. Threads share the rows where there
// are many, else the output features.
#include <vector>

#include "fp32/fp32_kernel.h"
#include "layers/linear_steps.h"
#include "layers/packed_f32.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

class LinearFp32 final : public SharingStep<LinearFp32> {
 public:
  LinearFp32(const LinearOp& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)), activation_(op.activation) {
    const SampleLayout in = spec.inputs[0]->layout(), out = spec.output->layout();
    rows_ = op.flattens_input ? 1 : in.pixels();
    shape_.in_height = 1;
    shape_.channels = op.weight.shape[1];
    shape_.n = op.weight.shape[0];
    // Rows of one sample follow each other; single rows are a sample apart.
    shape_.in_stride = rows_ == 1 ? in.sample_stride : shape_.channels;
    shape_.out_stride = rows_ == 1 ? out.sample_stride : shape_.n;
    const auto* same = same_node<LinearFp32>(spec);
    const float* weights = op.weight.data.data();
    packed_ = same && (rows_ == 1 || !same->packed_->weights.empty())
                  ? same->packed_
                  : pack_f32(kernel_, shape_, rows_ == 1 ? nullptr : weights, op.bias);
    weights_ = rows_ == 1 ? weights : packed_->weights.data();
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return static_cast<std::size_t>(scratch_floats() * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    const std::int64_t calls = rows_ == 1 ? 1 : args.batch, m = rows_ == 1 ? args.batch : rows_;
    for (std::int64_t b = 0; b < calls; ++b)
      multiply(args, m, args.inputs[0].sample<const float>(b), args.output.sample<float>(b));
  }
  std::string kernel() const override { return kernel_.name; }
  bool reads_operator() const override { return rows_ == 1; }

 private:
  static constexpr std::int64_t kParallelWork = 500000;  // multiplications that are worth a second thread
  static constexpr std::int64_t kManyRows = 48;          // a thread

  std::int64_t scratch_floats() const { return rows_ == 1 ? 0 : round_up(kernel_.conv_scratch(shape_), 16); }

  void multiply(const StepArgs& args, std::int64_t m, const float* x, float* y) const {
    const std::int64_t tasks =
        args.executor && m * shape_.n * shape_.channels >= kParallelWork ? args.executor->concurrency() : 1;
    const bool by_rows = m >= kManyRows * tasks;
    const std::int64_t row_step = by_rows ? ceil_div(m, tasks) : m;
    const std::int64_t feature_step =
        by_rows ? shape_.n : round_up(ceil_div(shape_.n, tasks), fp32::kFeatureStep);
    auto task = [&](int i) {
      const std::int64_t row = by_rows ? i * row_step : 0, feature = by_rows ? 0 : i * feature_step;
      if (row >= m || feature >= shape_.n) return;
      const std::int64_t last_row = m - row < row_step ? m : row + row_step;
      const std::int64_t features = shape_.n - feature < feature_step ? shape_.n - feature : feature_step;
      if (rows_ == 1)
        multiply_rows(x, y, row, last_row, feature, features);
      else
        convolve_rows(x, y, m, row, last_row, feature, features,
                      reinterpret_cast<float*>(args.scratch) + i * scratch_floats());
    };
    if (tasks <= 1)
      task(0);
    else
      args.executor->parallel_for(static_cast<int>(tasks), task);
  }

  void multiply_rows(const float* x, float* y, std::int64_t row, std::int64_t last_row, std::int64_t feature,
                     std::int64_t features) const {
    fp32::GemmArgs g;
    g.m = last_row - row, g.n = features, g.k = shape_.channels;
    g.a = x + row * shape_.in_stride, g.a_stride = shape_.in_stride;
    g.w = weights_ + feature * shape_.channels, g.w_stride = shape_.channels;
    g.c = y + row * shape_.out_stride + feature, g.c_stride = shape_.out_stride;
    g.bias = packed_->bias.data() + feature;
    g.lo = activation_.lo, g.hi = activation_.hi;
    kernel_.linear(g);
  }

  void convolve_rows(const float* x, float* y, std::int64_t m, std::int64_t row, std::int64_t last_row,
                     std::int64_t feature, std::int64_t features, float* scratch) const {
    fp32::ConvShape shape = shape_;
    shape.in_width = shape.out_width = m;
    shape.n = features;
    fp32::ConvArgs c;
    c.shape = &shape;
    c.first = row, c.last = last_row;
    c.in = x;
    c.weights = weights_ + feature * shape_.channels;
    c.bias = packed_->bias.data() + feature;
    c.out = y + feature;
    c.lo = activation_.lo, c.hi = activation_.hi;
    c.scratch = scratch;
    kernel_.conv(c);
  }

  const fp32::Fp32Kernel& kernel_;
  fp32::ConvShape shape_;
  std::shared_ptr<const PackedF32> packed_;  ///< weights where there are several rows
  const float* weights_ = nullptr;           ///< of the operator, or packed_
  Activation activation_;
  std::int64_t rows_ = 1;
};

}  // namespace

std::unique_ptr<Step> make_linear_fp32(const LinearOp& op, const StepSpec& spec) {
  if (require_same_dtype(spec, LinearOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Linear without quantized weights computes on f32 values only");
  return std::make_unique<LinearFp32>(op, spec);
}

}  // namespace lowbit::ops
