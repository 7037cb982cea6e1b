// SPDX-License-Identifier: Apache-2.0
// What the steps of this folder share: checks of a StepSpec, the range of codes, splitting a batch into
// blocks of pixels, and the coordinates (height, width, channel) in which memory is walked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lowbit/core/detail/round_to_code.h"
#include "lowbit/core/qparams.h"
#include "lowbit/layers/op_common.h"
#include "lowbit/layers/step.h"

namespace lowbit::ops {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_div(a, b) * b;
}

/// The codes that an integer operator may produce, narrowed by an activation.
CodeRange code_range(const ValueType& output, const Activation& activation);
/// The code of a real in steps of the output scale.
inline std::uint8_t u8_code(const CodeRange& range, float steps) {
  return static_cast<std::uint8_t>(range.code(steps));
}

/// x limited to the activation's range; NaN passes through.
inline float apply(const Activation& a, float x) {
  x = x < a.lo ? a.lo : x;
  return x > a.hi ? a.hi : x;
}

/// numerator / denominator, rounded to float once.
float multiplier(double numerator, double denominator);

/// Throws Error(invalid_argument) for a u8 value whose scale is not a positive normal number, whose zero
/// point is not a code, or whose codes have not 2 to 8 bits.
void require_qparams(const ValueType& type, std::string_view what);
/// Throws Error(unsupported) unless all values have one element type. Returns it.
DType require_same_dtype(const StepSpec& spec, std::string_view what);
/// Throws Error(invalid_argument) unless, for u8, all inputs have the output's qparams and bits.
void require_equal_qparams(const StepSpec& spec, std::string_view what);
/// Throws Error(shape_mismatch) unless the output has the shape that the operator infers.
void require_output_shape(const StepSpec& spec, const Shape& expected, std::string_view what);
/// Throws Error(shape_mismatch) unless the weight has all its elements, or none: a quantized layer keeps the
/// shape alone.
void require_weight_data(const Tensor& weight, std::string_view what);
/// Throws Error(invalid_argument) when there are none.
void require_f32_weights(const Tensor& weight, std::string_view what);
/// Throws Error(shape_mismatch) unless quantized weights, where there are any, are of the shape of `weight`,
/// a matrix; without any, as require_f32_weights.
void require_matrix_weights(const Tensor& weight, const StepSpec& spec, std::string_view what);
std::vector<Shape> input_shapes(const StepSpec& spec);
/// Base of a step S that can share its weights with another of type S. Types are told apart by an address,
/// which works without RTTI too.
template <class S>
class SharingStep : public Step {
 public:
  const void* type() const final { return &type_; }
  /// `step` where it is of type S, else null; null for null.
  static const S* cast(const Step* step) {
    return step && step->type() == &type_ ? static_cast<const S*>(step) : nullptr;
  }

 private:
  static inline char type_ = 0;
};
/// The step that one of type S may share its weights with, or null.
template <class S>
const S* same_node(const StepSpec& spec) {
  static_assert(std::is_base_of_v<SharingStep<S>, S>, "derive the step from SharingStep<itself>");
  return SharingStep<S>::cast(spec.same_node);
}
template <class Op>
void require_shapes(const Op& op, const StepSpec& spec) {
  require_output_shape(spec, infer_shape(op, input_shapes(spec)), Op::kName);
}

/// One number for each axis of a Box.
using BoxDims = std::array<std::int64_t, Shape::kMaxRank>;

/// Place in a Box of a logical axis of a sample of `rank` dimensions. Memory goes from the first place to the
/// last, which is the channels of C x H x W and the last axis otherwise.
inline std::size_t memory_axis(int rank, int axis) {
  if (rank == 3) axis = axis == 0 ? 2 : axis - 1;
  return static_cast<std::size_t>(axis + Shape::kMaxRank - rank);
}

/// Sizes and strides (elements) of a sample in memory order; of fewer dimensions the first sizes are 1.
struct Box {
  BoxDims size{1, 1, 1, 1, 1, 1}, stride{0, 0, 0, 0, 0, 1};
  Box() = default;
  explicit Box(const ValueType& type) {
    const int rank = type.shape.rank();
    for (int axis = 0; axis < rank; ++axis) size[memory_axis(rank, axis)] = type.shape[axis];
    stride[4] = type.layout().pixel_stride;
    for (std::size_t i = 4; i > 0; --i) stride[i - 1] = stride[i] * size[i];
  }
};

/// Strides of elements that lie in logical order without gaps, along the places of a Box.
inline BoxDims row_major_strides(const Shape& shape) {
  BoxDims strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[memory_axis(shape.rank(), axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/// Calls body(offset a, offset b) for each line along the last axis of a box of this size that lies in two
/// memories with these strides.
template <class Body>
void for_lines(const BoxDims& size, const BoxDims& a, const BoxDims& b, Body&& body) {
  for (std::int64_t i = 0; i < size[0]; ++i)
    for (std::int64_t j = 0; j < size[1]; ++j)
      for (std::int64_t k = 0; k < size[2]; ++k)
        for (std::int64_t l = 0; l < size[3]; ++l) {
          std::int64_t at_a = i * a[0] + j * a[1] + k * a[2] + l * a[3];
          std::int64_t at_b = i * b[0] + j * b[1] + k * b[2] + l * b[3];
          for (std::int64_t m = 0; m < size[4]; ++m, at_a += a[4], at_b += b[4]) body(at_a, at_b);
        }
}

/// Calls body(sample, first pixel, last pixel) for blocks that cover `pixels` of every sample; blocks of
/// about `min_work` units of work where a pixel takes `pixel_work`. Small problems stay on the calling
/// thread.
template <class Body>
void for_pixel_blocks(const StepArgs& args, std::int64_t pixels, std::int64_t pixel_work, Body&& body,
                      std::int64_t min_work = 32768) {
  const std::int64_t concurrency = args.executor ? args.executor->concurrency() : 1;
  if (concurrency <= 1 || args.batch * pixels * pixel_work < 2 * min_work) {
    for (std::int64_t b = 0; b < args.batch; ++b) body(b, std::int64_t{0}, pixels);
    return;
  }
  const std::int64_t by_work = ceil_div(pixels * pixel_work, min_work);
  const std::int64_t wanted = ceil_div(4 * concurrency, args.batch);
  const std::int64_t blocks = by_work < wanted ? by_work : wanted;
  const std::int64_t step = ceil_div(pixels, blocks < 1 ? 1 : blocks);
  auto task = [&](int i) {
    const std::int64_t first = i % blocks * step;
    const std::int64_t last = first + step < pixels ? first + step : pixels;
    if (first < last) body(i / blocks, first, last);
  };
  args.executor->parallel_for(static_cast<int>(args.batch * blocks), task);
}

/// Calls body(i, t) for i from 0 to count - 1, the numbers t, t + tasks, ... in task t: as many tasks as the
/// executor has threads where `work`, all of it together, is at least `parallel_work`, else one. What a task
/// has for itself, as its part of the scratch memory, is told by t.
template <class Body>
void for_shares(const StepArgs& args, std::int64_t count, std::int64_t work, std::int64_t parallel_work,
                Body&& body) {
  const std::int64_t threads = args.executor && work >= parallel_work ? args.executor->concurrency() : 1;
  const std::int64_t tasks = threads < count ? threads : count;
  const auto task = [&](int t) {
    for (std::int64_t i = t; i < count; i += tasks) body(i, t);
  };
  if (tasks <= 1)
    task(0);
  else
    args.executor->parallel_for(static_cast<int>(tasks), task);
}

}  // namespace lowbit::ops
