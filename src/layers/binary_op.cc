// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/binary_op.h"

#include <fmt/format.h>

#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

constexpr std::string_view kBinaryNames[] = {"add", "sub", "mul", "div", "max", "min"};
constexpr std::int64_t kChunk = 256;  // elements that are reals at a time

template <BinaryFunction F>
float value(float a, float b) {
  switch (F) {
    case BinaryFunction::add:
      return a + b;
    case BinaryFunction::sub:
      return a - b;
    case BinaryFunction::mul:
      return a * b;
    case BinaryFunction::div:
      return a / b;
    case BinaryFunction::max:
      return a > b || a != a ? a : b;
    case BinaryFunction::min:
      return a < b || a != a ? a : b;
  }
  return 0;
}

/// out[i] = f(a[i * step_a], b[i * step_b]) with steps of 0 or 1.
using BinaryLine = void (*)(const float* a, std::int64_t step_a, const float* b, std::int64_t step_b,
                            std::int64_t n, float* out);

template <BinaryFunction F>
void line(const float* a, std::int64_t step_a, const float* b, std::int64_t step_b, std::int64_t n,
          float* out) {
  if (step_a != 0 && step_b != 0)
    for (std::int64_t i = 0; i < n; ++i) out[i] = value<F>(a[i], b[i]);
  else if (step_a != 0)
    for (std::int64_t i = 0; i < n; ++i) out[i] = value<F>(a[i], b[0]);
  else
    for (std::int64_t i = 0; i < n; ++i) out[i] = value<F>(a[0], b[i * step_b]);
}

template <std::size_t... I>
constexpr std::array<BinaryLine, sizeof...(I)> binary_lines(std::index_sequence<I...>) {
  return {line<static_cast<BinaryFunction>(I)>...};
}
constexpr auto kBinaryLines = binary_lines(std::make_index_sequence<std::size(kBinaryNames)>());

/// Where an operand lies: strides of the output's box, 0 along repeated axes.
struct Operand {
  BoxDims stride{};
  float scale = 1.0f, zero = 0.0f;
  bool is_codes = false;

  Operand() = default;
  Operand(const ValueType& type, const Box& out) : is_codes(type.dtype == DType::u8) {
    const Box box(type);
    for (std::size_t i = 0; i < stride.size(); ++i)
      stride[i] = box.size[i] == 1 && out.size[i] != 1 ? 0 : box.stride[i];
    scale = type.qparams.scale;
    zero = static_cast<float>(type.qparams.zero_point);
  }

  /// n elements as floats: where they are, or in `room`.
  const float* load(const std::byte* data, std::int64_t first, std::int64_t n, float* room) const {
    if (!is_codes) return reinterpret_cast<const float*>(data) + first;
    const auto* codes = reinterpret_cast<const std::uint8_t*>(data) + first;
    const std::int64_t count = stride.back() == 0 ? 1 : n;
    for (std::int64_t i = 0; i < count; ++i) room[i] = (static_cast<float>(codes[i]) - zero) * scale;
    return room;
  }
};

/// The constant as a value of floats in memory order.
std::vector<float> in_memory_order(const Tensor& constant) {
  const ValueType type{constant.shape, DType::f32, {}};
  const Box box(type);
  std::vector<float> data(static_cast<std::size_t>(type.layout().sample_stride));
  const BoxDims logical = row_major_strides(type.shape);
  for_lines(box.size, box.stride, logical, [&](std::int64_t to, std::int64_t from) {
    for (std::int64_t i = 0; i < box.size.back(); ++i)
      data[static_cast<std::size_t>(to + i)] =
          constant.data[static_cast<std::size_t>(from + i * logical.back())];
  });
  return data;
}

class BinaryStep final : public SharingStep<BinaryStep> {
 public:
  BinaryStep(const BinaryOp& op, const StepSpec& spec)
      : out_(*spec.output), line_(kBinaryLines[static_cast<std::size_t>(op.function)]) {
    const ValueType constant{op.constant.shape, DType::f32, {}};
    if (!op.constant.data.empty()) {
      const auto* same = same_node<BinaryStep>(spec);
      source_ = op.constant.data.data();
      constant_ = same && same->source_ == source_
                      ? same->constant_
                      : std::make_shared<const std::vector<float>>(in_memory_order(op.constant));
      a_ = Operand(op.constant_first ? constant : *spec.inputs[0], out_);
      b_ = Operand(op.constant_first ? *spec.inputs[0] : constant, out_);
      constant_first_ = op.constant_first;
    } else {
      a_ = Operand(*spec.inputs[0], out_);
      b_ = Operand(*spec.inputs[1], out_);
    }
    is_codes_ = spec.output->dtype == DType::u8;
    if (!is_codes_) return;
    range_ = code_range(*spec.output, {});
    inverse_scale_ = multiplier(1.0, static_cast<double>(spec.output->qparams.scale));
  }

  void run(const StepArgs& args) const noexcept override {
    const std::int64_t images = out_.size[0] * out_.size[1] * out_.size[2] * out_.size[3];
    const std::int64_t work = 2 * out_.size[4] * out_.size[5];
    for_pixel_blocks(args, images, work, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) run_image(args, s, i);
    });
  }

 private:
  const std::byte* data(const StepArgs& args, std::size_t operand, std::int64_t s) const {
    if (!constant_) return args.inputs[operand].sample<const std::byte>(s);
    if ((operand == 0) == constant_first_) return reinterpret_cast<const std::byte*>(constant_->data());
    return args.inputs[0].sample<const std::byte>(s);
  }

  /// The last two axes of the box, at the i-th place of the others.
  void run_image(const StepArgs& args, std::int64_t s, std::int64_t i) const {
    std::int64_t at_a = 0, at_b = 0, at_out = 0;
    for (std::size_t axis = 4; axis-- > 0;) {
      const std::int64_t place = i % out_.size[axis];
      i /= out_.size[axis];
      at_a += place * a_.stride[axis], at_b += place * b_.stride[axis], at_out += place * out_.stride[axis];
    }
    const std::byte *a = data(args, 0, s), *b = data(args, 1, s);
    for (std::int64_t row = 0; row < out_.size[4]; ++row) {
      run_line(a, at_a, b, at_b, args, s, at_out);
      at_a += a_.stride[4], at_b += b_.stride[4], at_out += out_.stride[4];
    }
  }

  void run_line(const std::byte* a, std::int64_t at_a, const std::byte* b, std::int64_t at_b,
                const StepArgs& args, std::int64_t s, std::int64_t at_out) const {
    float room_a[kChunk], room_b[kChunk], result[kChunk];
    const std::int64_t step_a = a_.stride[5], step_b = b_.stride[5], size = out_.size[5];
    for (std::int64_t first = 0; first < size; first += kChunk) {
      const std::int64_t n = size - first < kChunk ? size - first : kChunk;
      const float* x = a_.load(a, at_a + first * step_a, n, room_a);
      const float* y = b_.load(b, at_b + first * step_b, n, room_b);
      if (!is_codes_) {
        line_(x, step_a, y, step_b, n, args.output.sample<float>(s) + at_out + first);
        continue;
      }
      line_(x, step_a, y, step_b, n, result);
      auto* codes = args.output.sample<std::uint8_t>(s) + at_out + first;
      for (std::int64_t i = 0; i < n; ++i) codes[i] = u8_code(range_, result[i] * inverse_scale_);
    }
  }

  Box out_;
  BinaryLine line_;
  Operand a_, b_;
  const float* source_ = nullptr;  ///< of the operator, to know it again
  std::shared_ptr<const std::vector<float>> constant_;
  bool constant_first_ = false, is_codes_ = false;
  CodeRange range_{};
  float inverse_scale_ = 1.0f;
};

}  // namespace

std::string_view binary_name(BinaryFunction function) {
  return kBinaryNames[static_cast<std::size_t>(function)];
}

Shape infer_shape(const BinaryOp& op, std::span<const Shape> inputs) {
  if (static_cast<std::size_t>(op.function) >= std::size(kBinaryNames))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("there is no arithmetic {}", static_cast<int>(op.function)));
  const std::string_view name = binary_name(op.function);
  require_inputs(inputs, op.constant.data.empty() ? 2 : 1, name);
  const Shape &a = inputs[0], &b = op.constant.data.empty() ? inputs[1] : op.constant.shape;
  bool fits = a.rank() == b.rank();
  if (!op.constant.data.empty())
    fits = fits && static_cast<std::int64_t>(op.constant.data.size()) == op.constant.shape.elements();
  std::vector<std::int64_t> dims;
  for (int i = 0; fits && i < a.rank(); ++i) {
    fits = a[i] == b[i] || a[i] == 1 || b[i] == 1;
    dims.push_back(a[i] == 1 ? b[i] : a[i]);
  }
  if (!fits)
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: the shapes {} and {} do not go together", name,
                                                       a.to_string(), b.to_string()));
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const BinaryOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_same_dtype(spec, binary_name(op.function));
  return std::make_unique<BinaryStep>(op, spec);
}

}  // namespace lowbit::ops
