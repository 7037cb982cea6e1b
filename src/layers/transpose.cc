// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/transpose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "layers/copy_box.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

class TransposeStep final : public Step {
 public:
  TransposeStep(const TransposeOp& op, const StepSpec& spec)
      : out_(*spec.output), is_codes_(spec.output->dtype == DType::u8) {
    const Box in(*spec.inputs[0]);
    const int rank = spec.output->shape.rank();
    for (int i = 0; i < rank; ++i)
      from_[memory_axis(rank, i)] =
          in.stride[memory_axis(rank, static_cast<int>(op.axes[static_cast<std::size_t>(i)]))];
  }

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t s = 0; s < args.batch; ++s)
      if (is_codes_)
        copy_box(out_.size, args.inputs[0].sample<const std::uint8_t>(s), from_,
                 args.output.sample<std::uint8_t>(s), out_.stride);
      else
        copy_box(out_.size, args.inputs[0].sample<const float>(s), from_, args.output.sample<float>(s),
                 out_.stride);
  }

 private:
  Box out_;
  BoxDims from_{};  ///< strides of the input along the output's axes
  bool is_codes_;
};

}  // namespace

Shape infer_shape(const TransposeOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, TransposeOp::kName);
  const int rank = inputs[0].rank();
  std::vector<std::int64_t> dims;
  std::uint32_t seen = 0;
  for (const std::int64_t axis : op.axes) {
    if (axis < 0 || axis >= rank || (seen & (1u << axis))) break;
    seen |= 1u << axis;
    dims.push_back(inputs[0][static_cast<int>(axis)]);
  }
  if (dims.size() != op.axes.size() || static_cast<int>(dims.size()) != rank)
    throw Error(ErrorCode::invalid_argument, fmt::format("Transpose: {} is no order of the axes of {}",
                                                         fmt::join(op.axes, ", "), inputs[0].to_string()));
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const TransposeOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_same_dtype(spec, TransposeOp::kName);
  require_equal_qparams(spec, TransposeOp::kName);
  return std::make_unique<TransposeStep>(op, spec);
}

}  // namespace lowbit::ops
