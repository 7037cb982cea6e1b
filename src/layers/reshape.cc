// SPDX-License-Identifier: Apache-2.0
// Flatten and Reshape. Element order is logical; where it is also the order in memory of both shapes,
// whole runs are copied; the runs are found once, at construction.
#include "lowbit/layers/reshape.h"

#include <fmt/format.h>

#include <cstring>

#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

/// Offsets of the elements of a sample in logical order (C, H, W; T, F).
std::vector<std::int64_t> logical_offsets(const ValueType& type) {
  const Box box(type);
  const int rank = type.shape.rank();
  std::vector<std::int64_t> offsets{0};
  offsets.reserve(static_cast<std::size_t>(type.shape.elements()));
  std::vector<std::int64_t> outer;
  for (int axis = 0; axis < rank; ++axis) {
    const std::size_t place = memory_axis(rank, axis);
    outer.swap(offsets);
    offsets.clear();
    for (const std::int64_t first : outer)
      for (std::int64_t i = 0; i < box.size[place]; ++i) offsets.push_back(first + i * box.stride[place]);
  }
  return offsets;
}

class ReshapeStep final : public Step {
 public:
  explicit ReshapeStep(const StepSpec& spec) : dtype_(spec.output->dtype) {
    const std::vector<std::int64_t> from = logical_offsets(*spec.inputs[0]),
                                    to = logical_offsets(*spec.output);
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (!runs_.empty() && runs_.back().from + runs_.back().size == from[i] &&
          runs_.back().to + runs_.back().size == to[i])
        ++runs_.back().size;
      else
        runs_.push_back({from[i], to[i], 1});
    }
    runs_.shrink_to_fit();
  }

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t b = 0; b < args.batch; ++b)
      if (dtype_ == DType::u8)
        copy(args.inputs[0].sample<const std::uint8_t>(b), args.output.sample<std::uint8_t>(b));
      else
        copy(args.inputs[0].sample<const float>(b), args.output.sample<float>(b));
  }

 private:
  struct Run {
    std::int64_t from, to, size;
  };
  template <class T>
  void copy(const T* in, T* out) const {
    for (const Run& r : runs_)
      if (r.size == 1)
        out[r.to] = in[r.from];
      else
        std::memcpy(out + r.to, in + r.from, static_cast<std::size_t>(r.size) * sizeof(T));
  }

  std::vector<Run> runs_;
  DType dtype_;
};

template <class Op>
std::unique_ptr<Step> make_reshape(const Op& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_same_dtype(spec, Op::kName);
  require_equal_qparams(spec, Op::kName);
  return std::make_unique<ReshapeStep>(spec);
}

}  // namespace

Shape infer_shape(const FlattenOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, FlattenOp::kName);
  return {inputs[0].elements()};
}

Shape infer_shape(const ReshapeOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, ReshapeOp::kName);
  const Shape shape(op.shape);
  if (shape.elements() != inputs[0].elements())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Reshape: {} has {} elements and {} has {}", inputs[0].to_string(),
                            inputs[0].elements(), shape.to_string(), shape.elements()));
  return shape;
}

std::unique_ptr<Step> make_step(const FlattenOp& op, const StepSpec& spec) {
  return make_reshape(op, spec);
}
std::unique_ptr<Step> make_step(const ReshapeOp& op, const StepSpec& spec) {
  return make_reshape(op, spec);
}

}  // namespace lowbit::ops
