// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/transpose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

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
        move(args.inputs[0].sample<const std::uint8_t>(s), args.output.sample<std::uint8_t>(s));
      else
        move(args.inputs[0].sample<const float>(s), args.output.sample<float>(s));
  }

 private:
  template <class T>
  void move(const T* in, T* out) const {
    const std::int64_t n = out_.size.back(), step = from_.back();
    for_lines(out_.size, out_.stride, from_, [&](std::int64_t to, std::int64_t from) {
      if (step == 1)
        std::memcpy(out + to, in + from, static_cast<std::size_t>(n) * sizeof(T));
      else
        for (std::int64_t i = 0; i < n; ++i) out[to + i] = in[from + i * step];
    });
  }

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
