// SPDX-License-Identifier: Apache-2.0
// Flatten and Reshape. Element order is logical. Axes of both shapes that are products of the same factors,
// as nearly always, are a box that is copied; else both memories are walked side by side.
#include "lowbit/layers/reshape.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "layers/copy_box.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

struct LogicalAxis {
  std::int64_t size = 1, stride = 0;
};

/// The axes of a sample (C, H, W; T, F), the last one first; those that continue each other as one.
struct LogicalAxes {
  std::array<LogicalAxis, Shape::kMaxRank> list{};
  std::size_t count = 0;

  explicit LogicalAxes(const ValueType& type) {
    const Box box(type);
    const int rank = type.shape.rank();
    for (int axis = rank; axis-- > 0;) {
      const std::size_t place = memory_axis(rank, axis);
      if (box.size[place] == 1) continue;
      if (count > 0 && box.stride[place] == list[count - 1].stride * list[count - 1].size)
        list[count - 1].size *= box.size[place];
      else
        list[count++] = {box.size[place], box.stride[place]};
    }
    if (count == 0) count = 1;
  }
};

/// A walk through elements in logical order, by parts of lines along the last axis.
class Cursor {
 public:
  explicit Cursor(const LogicalAxes& axes) : axes_(axes) {}
  std::int64_t offset() const { return offset_; }
  std::int64_t stride() const { return axes_.list[0].stride; }
  /// Elements up to the end of the line.
  std::int64_t left() const { return axes_.list[0].size - at_[0]; }
  void advance(std::int64_t n) {
    offset_ += n * stride();
    at_[0] += n;
    for (std::size_t i = 0; at_[i] == axes_.list[i].size && i + 1 < axes_.count; ++i) {
      offset_ += axes_.list[i + 1].stride - at_[i] * axes_.list[i].stride;
      at_[i] = 0;
      ++at_[i + 1];
    }
  }

 private:
  const LogicalAxes& axes_;
  std::array<std::int64_t, Shape::kMaxRank> at_{};
  std::int64_t offset_ = 0;
};

/// A box with strides in both memories.
struct MovedBox {
  BoxDims size{1, 1, 1, 1, 1, 1}, from{}, to{};
};

/// Nothing where an axis of one shape ends inside of one of the other, or there are too many.
std::optional<MovedBox> common_box(const LogicalAxes& from, const LogicalAxes& to) {
  struct SharedAxis {
    std::int64_t size, from, to;
  };
  std::vector<SharedAxis> axes;
  LogicalAxis a = from.list[0], b = to.list[0];
  for (std::size_t i = 0, j = 0;;) {
    const std::int64_t size = std::min(a.size, b.size);
    if (size == 0 || a.size % size != 0 || b.size % size != 0) return std::nullopt;
    axes.push_back({size, a.stride, b.stride});
    a = {a.size / size, a.stride * size};
    b = {b.size / size, b.stride * size};
    if (a.size == 1 && ++i < from.count) a = from.list[i];
    if (b.size == 1 && ++j < to.count) b = to.list[j];
    if (i >= from.count && j >= to.count) break;
  }
  if (axes.size() > Shape::kMaxRank) return std::nullopt;
  // As the output lies.
  std::sort(axes.begin(), axes.end(), [](const SharedAxis& x, const SharedAxis& y) { return x.to < y.to; });
  MovedBox box;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t place = box.size.size() - 1 - i;
    box.size[place] = axes[i].size, box.from[place] = axes[i].from, box.to[place] = axes[i].to;
  }
  return box;
}

class ReshapeStep final : public Step {
 public:
  explicit ReshapeStep(const StepSpec& spec)
      : from_(*spec.inputs[0]),
        to_(*spec.output),
        box_(common_box(from_, to_)),
        elements_(spec.output->shape.elements()),
        dtype_(spec.output->dtype) {}

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t b = 0; b < args.batch; ++b)
      if (dtype_ == DType::u8)
        copy(args.inputs[0].sample<const std::uint8_t>(b), args.output.sample<std::uint8_t>(b));
      else
        copy(args.inputs[0].sample<const float>(b), args.output.sample<float>(b));
  }

 private:
  template <class T>
  void copy(const T* in, T* out) const {
    if (box_) return copy_box(box_->size, in, box_->from, out, box_->to);
    Cursor from(from_), to(to_);
    for (std::int64_t rest = elements_; rest > 0;) {
      const std::int64_t n = std::min(from.left(), to.left());
      const T* source = in + from.offset();
      T* target = out + to.offset();
      for (std::int64_t i = 0; i < n; ++i) target[i * to.stride()] = source[i * from.stride()];
      from.advance(n);
      to.advance(n);
      rest -= n;
    }
  }

  LogicalAxes from_, to_;
  std::optional<MovedBox> box_;
  std::int64_t elements_;
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
