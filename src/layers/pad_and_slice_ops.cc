// SPDX-License-Identifier: Apache-2.0
// Pad and Slice: a box of the input becomes a box of the output, walked in memory order.
#include <fmt/format.h>

#include "layers/copy_box.h"
#include "layers/step_common.h"
#include "lowbit/layers/reshape.h"

namespace lowbit::ops {
namespace {

/// A box of elements with its place in the input and in the output, strides in elements.
struct BoxCopy {
  BoxDims size{}, in_stride{}, out_stride{};
  std::int64_t in_offset = 0, out_offset = 0;

  template <class T>
  void run(const T* in, T* out) const {
    copy_box(size, in + in_offset, in_stride, out + out_offset, out_stride);
  }
};

class PadStep final : public Step {
 public:
  PadStep(const PadOp& op, const StepSpec& spec)
      : out_(spec.output->layout()), dtype_(spec.output->dtype), value_(op.value) {
    const Box in(*spec.inputs[0]), out(*spec.output);
    const int rank = spec.output->shape.rank();
    copy_.size = in.size;
    copy_.in_stride = in.stride;
    copy_.out_stride = out.stride;
    for (int i = 0; i < rank; ++i) {
      const std::size_t axis = memory_axis(rank, i);
      const std::int64_t before = op.before[static_cast<std::size_t>(i)],
                         after = op.after[static_cast<std::size_t>(i)];
      const std::int64_t cut = (before < 0 ? -before : 0) + (after < 0 ? -after : 0);
      copy_.size[axis] = in.size[axis] > cut ? in.size[axis] - cut : 0;
      copy_.in_offset += (before < 0 ? -before : 0) * in.stride[axis];
      copy_.out_offset += (before > 0 ? before : 0) * out.stride[axis];
    }
    if (dtype_ == DType::u8) {
      const QParams& q = spec.output->qparams;
      code_ = u8_code(code_range(*spec.output, {}), op.value * (1.0f / q.scale));
    }
  }

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t b = 0; b < args.batch; ++b)
      if (dtype_ == DType::u8)
        pad(args.inputs[0].sample<const std::uint8_t>(b), code_, args.output.sample<std::uint8_t>(b));
      else
        pad(args.inputs[0].sample<const float>(b), value_, args.output.sample<float>(b));
  }

 private:
  template <class T>
  void pad(const T* in, T value, T* out) const {
    const std::int64_t n = out_.pixels() * out_.pixel_stride;
    for (std::int64_t i = 0; i < n; ++i) out[i] = value;
    copy_.run(in, out);
  }

  BoxCopy copy_;
  SampleLayout out_;
  DType dtype_;
  float value_;
  std::uint8_t code_ = 0;
};

class SliceStep final : public Step {
 public:
  SliceStep(const SliceOp& op, const StepSpec& spec) : dtype_(spec.output->dtype) {
    const Box in(*spec.inputs[0]), out(*spec.output);
    const int rank = spec.output->shape.rank();
    copy_.size = out.size;
    copy_.in_stride = in.stride;
    copy_.out_stride = out.stride;
    for (int i = 0; i < rank; ++i) {
      const std::size_t axis = memory_axis(rank, i), n = static_cast<std::size_t>(i);
      copy_.in_offset += op.starts[n] * in.stride[axis];
      copy_.in_stride[axis] = op.steps[n] * in.stride[axis];
    }
  }

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t b = 0; b < args.batch; ++b)
      if (dtype_ == DType::u8)
        copy_.run(args.inputs[0].sample<const std::uint8_t>(b), args.output.sample<std::uint8_t>(b));
      else
        copy_.run(args.inputs[0].sample<const float>(b), args.output.sample<float>(b));
  }

 private:
  BoxCopy copy_;
  DType dtype_;
};

void require_rank(std::size_t count, const Shape& shape, std::string_view what) {
  if (count != static_cast<std::size_t>(shape.rank()))
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: {} axes are given for a sample of shape {}", what,
                                                       count, shape.to_string()));
}

}  // namespace

Shape infer_shape(const PadOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, PadOp::kName);
  require_rank(op.before.size(), inputs[0], PadOp::kName);
  require_rank(op.after.size(), inputs[0], PadOp::kName);
  std::vector<std::int64_t> dims(inputs[0].dims().begin(), inputs[0].dims().end());
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t before = op.before[i], after = op.after[i], size = dims[i];
    const bool in_range = before > -kMost && before < kMost && after > -kMost && after < kMost;
    const std::int64_t cut = in_range ? (before < 0 ? -before : 0) + (after < 0 ? -after : 0) : 0;
    if (!in_range || cut > size)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Pad: {} before and {} after do not fit axis {} of {}", before, after, i,
                              inputs[0].to_string()));
    dims[i] += before + after;
  }
  return Shape(dims);
}

Shape infer_shape(const SliceOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, SliceOp::kName);
  require_rank(op.starts.size(), inputs[0], SliceOp::kName);
  require_rank(op.steps.size(), inputs[0], SliceOp::kName);
  require_rank(op.sizes.size(), inputs[0], SliceOp::kName);
  for (std::size_t i = 0; i < op.starts.size(); ++i) {
    const std::int64_t start = op.starts[i], step = op.steps[i], size = op.sizes[i],
                       dim = inputs[0].dims()[i];
    // Divided rather than multiplied, so that no product can overflow.
    const bool fits = start >= 0 && step > 0 && size >= 0 && start <= dim &&
                      (size == 0 || (start < dim && size - 1 <= (dim - 1 - start) / step));
    if (!fits)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Slice: {} elements from {} in steps of {} leave axis {} of {}", size, start,
                              step, i, inputs[0].to_string()));
  }
  return Shape(op.sizes);
}

std::unique_ptr<Step> make_step(const PadOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_same_dtype(spec, PadOp::kName);
  require_equal_qparams(spec, PadOp::kName);
  return std::make_unique<PadStep>(op, spec);
}

std::unique_ptr<Step> make_step(const SliceOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_same_dtype(spec, SliceOp::kName);
  require_equal_qparams(spec, SliceOp::kName);
  return std::make_unique<SliceStep>(op, spec);
}

}  // namespace lowbit::ops
