// Linear in FP32: Eigen's product (matrix-vector for one row), cut along the output features for threads.
#include <vector>

#include "fp32/fp32_kernel.h"
#include "layers/linear_steps.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

class LinearF32 final : public Step {
 public:
  LinearF32(const Linear& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        weights_(op.weight.data),
        bias_(op.bias),
        activation_(op.activation),
        out_(op.weight.shape[0]),
        in_(op.weight.shape[1]) {
    const SampleLayout in = spec.inputs[0]->layout(), out = spec.output->layout();
    rows_ = op.flattens_input ? 1 : in.pixels();
    in_stride_ = in.sample_stride;
    out_stride_ = out.sample_stride;
  }

  std::size_t scratch_bytes(std::int64_t batch, int concurrency) const override {
    // Eigen's blocking is no monotonic function of the shape, so every shape that may come is asked for.
    std::int64_t most = 0;
    for (std::int64_t m = rows_ == 1 ? 1 : rows_; m <= (rows_ == 1 ? batch : rows_); ++m)
      for (int tasks = 1; tasks <= concurrency; ++tasks) {
        const std::int64_t floats = task_floats(m, tasks) * tasks;
        most = floats > most ? floats : most;
      }
    return static_cast<std::size_t>(most) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    if (rows_ == 1) {
      multiply(args, args.batch, args.inputs[0].sample<const float>(0), in_stride_,
               args.output.sample<float>(0), out_stride_);
      return;
    }
    for (std::int64_t b = 0; b < args.batch; ++b)
      multiply(args, rows_, args.inputs[0].sample<const float>(b), in_, args.output.sample<float>(b), out_);
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  static constexpr std::int64_t kParallelWork = 500000;  // multiplications that are worth a second thread

  std::int64_t features_per_task(std::int64_t tasks) const { return round_up(ceil_div(out_, tasks), 16); }
  std::int64_t task_floats(std::int64_t m, std::int64_t tasks) const {
    const std::int64_t n = features_per_task(tasks);
    return round_up(kernel_.gemm_scratch(m, n < out_ ? n : out_, in_), 16);
  }

  void multiply(const StepArgs& args, std::int64_t m, const float* x, std::int64_t x_stride, float* y,
                std::int64_t y_stride) const {
    const std::int64_t tasks =
        args.executor && m * out_ * in_ >= kParallelWork ? args.executor->concurrency() : 1;
    const std::int64_t step = features_per_task(tasks), scratch = task_floats(m, tasks);
    auto task = [&](int i) {
      const std::int64_t first = i * step, left = out_ - first;
      if (left <= 0) return;
      fp32::GemmArgs g;
      g.m = m, g.n = left < step ? left : step, g.k = in_;
      g.a = x, g.a_stride = x_stride;
      g.w = weights_.data() + first * in_, g.w_stride = in_;
      g.c = y + first, g.c_stride = y_stride;
      g.bias = bias_.empty() ? nullptr : bias_.data() + first;
      g.lo = activation_.lo, g.hi = activation_.hi;
      g.scratch = reinterpret_cast<float*>(args.scratch) + i * scratch;
      kernel_.gemm(g);
    };
    if (tasks <= 1)
      task(0);
    else
      args.executor->parallel_for(static_cast<int>(tasks), task);
  }

  const fp32::Fp32Kernel& kernel_;
  std::vector<float> weights_, bias_;
  Activation activation_;
  std::int64_t out_, in_, rows_ = 1, in_stride_ = 0, out_stride_ = 0;
};

}  // namespace

std::unique_ptr<Step> make_linear_f32(const Linear& op, const StepSpec& spec) {
  if (require_same_dtype(spec, Linear::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Linear without quantized weights computes on f32 values only");
  return std::make_unique<LinearF32>(op, spec);
}

}  // namespace lowbit::ops
