// SPDX-License-Identifier: Apache-2.0
// Softmax: along the last axis in memory by the kernel of rows, along others column by column side by side:
// subtract the largest element, exponentiate, sum in order, divide.
#include "lowbit/layers/softmax.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "kernels/functions/function_kernel.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

constexpr std::int64_t kColumns = 64;  // side by side

/// Of `columns` neighbours, whose n elements are `stride` apart.
void softmax_columns(const kernels::FunctionKernel& kernel, const float* in, std::int64_t n,
                     std::int64_t stride, std::int64_t columns, float* out) {
  float most[kColumns], sum[kColumns];
  std::fill_n(most, columns, -std::numeric_limits<float>::infinity());
  std::fill_n(sum, columns, 0.0f);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < columns; ++k)
      most[k] = in[i * stride + k] > most[k] ? in[i * stride + k] : most[k];
  for (std::int64_t i = 0; i < n; ++i) {
    float* y = out + i * stride;
    for (std::int64_t k = 0; k < columns; ++k) y[k] = in[i * stride + k] - most[k];
    kernel.exp(y, static_cast<std::size_t>(columns), y);
    for (std::int64_t k = 0; k < columns; ++k) sum[k] += y[k];
  }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < columns; ++k) out[i * stride + k] /= sum[k];
}

class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const SoftmaxOp& op, const ValueType& type, Isa isa)
      : box_(type),
        layout_(type.layout()),
        axis_(memory_axis(type.shape.rank(), static_cast<int>(op.axis))),
        kernel_(kernels::select_function_kernel(isa)) {}

  void run(const StepArgs& args) const noexcept override {
    if (axis_ + 1 == box_.size.size()) return run_rows(args);
    Box lines = box_;
    lines.size[axis_] = 1;
    const std::int64_t columns = box_.size.back();
    for (std::int64_t b = 0; b < args.batch; ++b) {
      const float* in = args.inputs[0].sample<const float>(b);
      float* out = args.output.sample<float>(b);
      for_lines(lines.size, box_.stride, box_.stride, [&](std::int64_t first, std::int64_t) {
        for (std::int64_t k = 0; k < columns; k += kColumns)
          softmax_columns(kernel_, in + first + k, box_.size[axis_], box_.stride[axis_],
                          std::min(kColumns, columns - k), out + first + k);
      });
    }
  }

 private:
  void run_rows(const StepArgs& args) const {
    constexpr std::int64_t kWork = 8;  // of an element, in those of an addition
    for_pixel_blocks(args, layout_.pixels(), kWork * layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       for (std::int64_t p = p0; p < p1; ++p)
                         kernel_.softmax(args.inputs[0].sample<const float>(s) + p * layout_.pixel_stride,
                                         static_cast<std::size_t>(layout_.channels),
                                         args.output.sample<float>(s) + p * layout_.pixel_stride);
                     });
  }

  Box box_;
  SampleLayout layout_;
  std::size_t axis_;
  const kernels::FunctionKernel& kernel_;
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
  return std::make_unique<SoftmaxStep>(op, *spec.output, spec.isa);
}

}  // namespace lowbit::ops
