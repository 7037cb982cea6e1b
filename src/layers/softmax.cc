// Softmax: subtract the largest element, exponentiate, sum in order, divide. The exponential is layers/exp.h.
#include "lowbit/layers/softmax.h"

#include <fmt/format.h>

#include "layers/exp.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

void softmax_line(const float* in, std::int64_t n, std::int64_t stride, float* out) {
  float max = in[0];
  for (std::int64_t i = 1; i < n; ++i) max = in[i * stride] > max ? in[i * stride] : max;
  for (std::int64_t i = 0; i < n; ++i) out[i * stride] = exp_of_nonpositive(in[i * stride] - max);
  float sum = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) sum += out[i * stride];
  for (std::int64_t i = 0; i < n; ++i) out[i * stride] /= sum;
}

class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const SoftmaxOp& op, const ValueType& type)
      : box_(type), axis_(memory_axis(type.shape.rank(), static_cast<int>(op.axis))) {}

  void run(const StepArgs& args) const noexcept override {
    Box lines = box_;
    lines.size[axis_] = 1;
    for (std::int64_t b = 0; b < args.batch; ++b) {
      const float* in = args.inputs[0].sample<const float>(b);
      float* out = args.output.sample<float>(b);
      for_lines(lines.size, box_.stride, box_.stride, [&](std::int64_t first, std::int64_t) {
        for (std::int64_t k = 0; k < lines.size.back(); ++k)
          softmax_line(in + first + k, box_.size[axis_], box_.stride[axis_], out + first + k);
      });
    }
  }

 private:
  Box box_;
  std::size_t axis_;
};

}  // namespace

Shape infer_shape(const SoftmaxOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, SoftmaxOp::kName);
  if (op.axis < 0 || op.axis >= inputs[0].rank() || inputs[0].elements() == 0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("Softmax: axis {} is not one of a sample of shape {}", op.axis, inputs[0].to_string()));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const SoftmaxOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, SoftmaxOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Softmax computes on f32 values only");
  return std::make_unique<SoftmaxStep>(op, *spec.output);
}

}  // namespace lowbit::ops
