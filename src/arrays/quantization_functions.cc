// SPDX-License-Identifier: Apache-2.0
// Quantizing and dequantizing of arrays: with one scale, along an axis, or in blocks of one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "arrays/arithmetic.h"
#include "arrays/numbers.h"
#include "arrays/registry.h"
#include "arrays/walk.h"

namespace lowbit::arrays {
namespace {

/// Which scale belongs to which element.
struct Scales {
  std::int64_t outer = 1, n = 1, inner = 1;  ///< of the input around the axis
  std::int64_t block = 0;                    ///< elements of the axis that share a scale
  std::int64_t outer_stride = 0;             ///< scales between one of the `outer` and the next
  std::int64_t row_stride = 0, step = 0;     ///< between blocks, and between elements of a line

  /// Calls body(offset in the input, offset in the scales, length) for each line.
  template <class Body>
  void for_each_line(Body&& body) const {
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < n; ++i)
        body((o * n + i) * inner, o * outer_stride + i / block * row_stride, inner);
  }
};

Scales read_scales(const Call& call) {
  const Shape &shape = call.shape(0), &scale = call.shape(1);
  if (!is_float(call.element(1))) call.reject("needs floats as scales");
  if (call.has(2) && call.shape(2) != scale)
    call.reject(
        fmt::format("has zero points of {} for scales of {}", call.shape(2).to_string(), scale.to_string()));
  const std::int64_t block = call.int_attribute("block_size", 0);
  Scales s{1, 1, shape.elements(), 1};
  if (scale.elements() == 1 && scale.rank() <= 1 && block == 0) return s;
  const int axis = call.axis(call.int_attribute("axis", 1), shape.rank());
  s = {product(shape, 0, axis), shape[axis], product(shape, axis + 1, shape.rank()), 1};
  if (block == 0) {
    if (scale.rank() != 1 || scale[0] != s.n)
      call.reject(
          fmt::format("has scales of {} for axis {} of {}", scale.to_string(), axis, shape.to_string()));
    s.row_stride = 1;
    return s;
  }
  bool fits = block > 0 && scale.rank() == shape.rank();
  for (int i = 0; fits && i < shape.rank(); ++i)
    fits = i == axis ? scale[i] == s.n / block + (s.n % block != 0) : scale[i] == shape[i];
  if (!fits)
    call.reject(
        fmt::format("has scales of {} for blocks of {} of {}", scale.to_string(), block, shape.to_string()));
  s.block = block, s.step = 1, s.row_stride = s.inner, s.outer_stride = scale[axis] * s.inner;
  return s;
}

bool is_narrow(ElementType type) {
  return type == ElementType::i8 || type == ElementType::u8 || type == ElementType::i16 ||
         type == ElementType::u16;
}

/// The nearest integer, halves to even, plus a zero point.
std::int64_t quantized(float x, float scale, std::int64_t zero, const IntegerRange& range) {
  const double v = std::rint(x / scale);
  return std::clamp(truncate_to<std::int64_t>(std::clamp(v, -0x1p40, 0x1p40)) + zero, range.low, range.high);
}

/// That of the zero points, or what 'output_dtype' says.
ElementType quantized_type(const Call& call) {
  ElementType type = ElementType::u8;
  const std::int64_t number = call.int_attribute("output_dtype", 0);
  constexpr std::pair<std::int64_t, ElementType> kNumbers[] = {
      {2, ElementType::u8}, {3, ElementType::i8}, {4, ElementType::u16}, {5, ElementType::i16}};
  bool is_known = number == 0;
  for (const auto& [onnx, t] : kNumbers)
    if (onnx == number) type = t, is_known = true;
  if (!is_known) call.refuse(fmt::format("gives integers of ONNX's type {}", number));
  if (call.has(2)) {
    if (number != 0 && call.element(2) != type)
      call.reject("has zero points of another type than its output_dtype");
    type = call.element(2);
  }
  if (!is_narrow(type)) call.refuse(fmt::format("gives {}", element_name(type)));
  return type;
}

template <class T>
void run_quantize(const Scales& scales, const Run& run) {
  const IntegerRange range = integer_range(run.out[0].type.element);
  const std::int64_t* points = run.in.size() > 2 && run.in[2].is_present() ? run.in[2].integers : nullptr;
  scales.for_each_line([&](std::int64_t at, std::int64_t from, std::int64_t n) {
    const T* x = run.in[0].data<T>() + at;
    const float* scale = run.in[1].floats + from;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t zero = points ? points[from + i * scales.step] : 0;
      run.out[0].integers[at + i] = quantized(static_cast<float>(x[i]), scale[i * scales.step], zero, range);
    }
  });
}

Prepared quantize_linear(const Call& call) {
  const Scales scales = read_scales(call);
  if (!is_float(call.element(0)) && call.element(0) != ElementType::i32) call.reject("needs floats");
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{{quantized_type(call), call.shape(0)}},
            [scales](const Run& run) { run_quantize<T>(scales, run); }};
  });
}

/// That of the scales, or what 'output_dtype' says.
ElementType dequantized_type(const Call& call) {
  switch (call.int_attribute("output_dtype", 0)) {
    case 0:
      return call.element(1);
    case 1:
      return ElementType::f32;
    case 10:
      return ElementType::f16;
    case 16:
      return ElementType::bf16;
    default:
      call.refuse("gives doubles");
  }
}

Prepared dequantize_linear(const Call& call) {
  const Scales scales = read_scales(call);
  const ElementType type = call.element(0);
  if (!is_narrow(type) && type != ElementType::i32 && !is_packed_integer(type))
    call.reject(fmt::format("is given {}", element_name(type)));
  if (call.has(2) && call.element(2) != type) call.reject("has zero points of another type");
  return {{{dequantized_type(call), call.shape(0)}}, [scales](const Run& run) {
            const std::int64_t* points =
                run.in.size() > 2 && run.in[2].is_present() ? run.in[2].integers : nullptr;
            scales.for_each_line([&](std::int64_t at, std::int64_t from, std::int64_t n) {
              const std::int64_t* x = run.in[0].integers + at;
              const float* scale = run.in[1].floats + from;
              float* y = run.out[0].floats + at;
              for (std::int64_t i = 0; i < n; ++i) {
                const std::int64_t zero = points ? points[from + i * scales.step] : 0;
                y[i] = static_cast<float>(x[i] - zero) * scale[i * scales.step];
              }
            });
          }};
}

/// To u8, with a scale and a zero point that reach from the least to the greatest element and hold 0.
Prepared dynamic_quantize_linear(const Call& call) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  std::vector<ArrayType> outputs{
      {ElementType::u8, call.shape(0)}, {call.element(0), {}}, {ElementType::u8, {}}};
  outputs.resize(static_cast<std::size_t>(std::clamp(call.output_count(), 1, 3)));
  return {std::move(outputs), [](const Run& run) {
            const std::int64_t n = run.in[0].size();
            const float* x = run.in[0].floats;
            float low = 0, high = 0;
            for (std::int64_t i = 0; i < n; ++i) low = std::min(low, x[i]), high = std::max(high, x[i]);
            const float scale = (high - low) / 255.0f;
            const IntegerRange range = integer_range(ElementType::u8);
            const std::int64_t zero = scale > 0 ? quantized(-low, scale, 0, range) : 0;
            for (std::int64_t i = 0; i < n; ++i)
              run.out[0].integers[i] = scale > 0 ? quantized(x[i], scale, zero, range) : 0;
            if (run.out.size() > 1 && run.out[1].is_present()) run.out[1].floats[0] = scale;
            if (run.out.size() > 2 && run.out[2].is_present()) run.out[2].integers[0] = zero;
          }};
}

constexpr Function kQuantizationFunctions[] = {
    {"DequantizeLinear", dequantize_linear},
    {"DynamicQuantizeLinear", dynamic_quantize_linear},
    {"QuantizeLinear", quantize_linear},
};

}  // namespace

std::span<const Function> quantization_functions() {
  return kQuantizationFunctions;
}

}  // namespace lowbit::arrays
