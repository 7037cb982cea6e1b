// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/lrn.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/elementary.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

class LrnStep final : public Step {
 public:
  LrnStep(const LrnOp& op, const SampleLayout& layout) : op_(op), layout_(layout) {}

  void run(const StepArgs& args) const noexcept override {
    constexpr std::int64_t kWork =
        30;  // of an element, in those of an addition: two transcendental functions
    for_pixel_blocks(args, layout_.pixels(), kWork * layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       for (std::int64_t p = p0; p < p1; ++p)
                         pixel(args.inputs[0].sample<const float>(s) + p * layout_.pixel_stride,
                               args.output.sample<float>(s) + p * layout_.pixel_stride);
                     });
  }

 private:
  void pixel(const float* in, float* out) const {
    const std::int64_t before = (op_.size - 1) / 2, channels = layout_.channels;
    const double alpha = static_cast<double>(op_.alpha) / static_cast<double>(op_.size);
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      const std::int64_t first = std::max<std::int64_t>(0, c - before),
                         last = std::min(channels, c - before + op_.size);
      for (std::int64_t i = first; i < last; ++i)
        sum += static_cast<double>(in[i]) * static_cast<double>(in[i]);
      const double base = static_cast<double>(op_.offset) + alpha * sum;
      out[c] = static_cast<float>(static_cast<double>(in[c]) *
                                  elementary::pow(base, -static_cast<double>(op_.beta)));
    }
  }

  LrnOp op_;
  SampleLayout layout_;
};

}  // namespace

Shape infer_shape(const LrnOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, LrnOp::kName);
  if (op.size < 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("LRN: sums over {} channels", op.size));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const LrnOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, LrnOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "LRN computes on f32 values only");
  return std::make_unique<LrnStep>(op, spec.output->layout());
}

}  // namespace lowbit::ops
