// Linear in FP32: a convolution whose pixels are the rows of the batch, and whose window is one pixel.
// Threads share the rows where there are many, else the output features.
#include <vector>

#include "fp32/fp32_kernel.h"
#include "layers/linear_steps.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

class LinearF32 final : public Step {
 public:
  LinearF32(const Linear& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)), bias_(op.bias), activation_(op.activation) {
    const SampleLayout in = spec.inputs[0]->layout(), out = spec.output->layout();
    rows_ = op.flattens_input ? 1 : in.pixels();
    shape_.in_height = 1;
    shape_.channels = op.weight.shape[1];
    shape_.n = op.weight.shape[0];
    // Rows of one sample follow each other; single rows are a sample apart.
    shape_.in_stride = rows_ == 1 ? in.sample_stride : shape_.channels;
    shape_.out_stride = rows_ == 1 ? out.sample_stride : shape_.n;
    bias_.resize(static_cast<std::size_t>(shape_.n), 0.0f);
    packed_.resize(static_cast<std::size_t>(kernel_.conv_packed_size(shape_)));
    kernel_.conv_pack(shape_, op.weight.data.data(), packed_.data());
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

 private:
  static constexpr std::int64_t kParallelWork = 500000;  // multiplications that are worth a second thread
  static constexpr std::int64_t kManyRows = 48;          // a thread

  std::int64_t scratch_floats() const { return round_up(kernel_.conv_scratch(shape_), 16); }

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
      fp32::ConvShape shape = shape_;
      shape.in_width = shape.out_width = m;
      shape.n = shape_.n - feature < feature_step ? shape_.n - feature : feature_step;
      fp32::ConvArgs c;
      c.shape = &shape;
      c.first = row;
      c.last = m - row < row_step ? m : row + row_step;
      c.in = x;
      c.weights = packed_.data() + feature * shape_.channels;
      c.bias = bias_.data() + feature;
      c.out = y + feature;
      c.lo = activation_.lo;
      c.hi = activation_.hi;
      c.scratch = reinterpret_cast<float*>(args.scratch) + i * scratch_floats();
      kernel_.conv(c);
    };
    if (tasks <= 1)
      task(0);
    else
      args.executor->parallel_for(static_cast<int>(tasks), task);
  }

  const fp32::Fp32Kernel& kernel_;
  fp32::ConvShape shape_;
  std::vector<float> bias_, packed_;
  Activation activation_;
  std::int64_t rows_ = 1;
};

}  // namespace

std::unique_ptr<Step> make_linear_f32(const Linear& op, const StepSpec& spec) {
  if (require_same_dtype(spec, Linear::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Linear without quantized weights computes on f32 values only");
  return std::make_unique<LinearF32>(op, spec);
}

}  // namespace lowbit::ops
