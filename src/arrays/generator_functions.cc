// SPDX-License-Identifier: Apache-2.0
// Operators that make an array from a shape or from a few numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "arrays/numbers.h"
#include "arrays/onnx_types.h"
#include "arrays/registry.h"
#include "core/elementary_trigonometry.h"

namespace lowbit::arrays {
namespace {

/// What is known beforehand.
Prepared known_array(Array array) {
  return {{array.type}, [array](const Run& run) {
            std::copy(array.floats.begin(), array.floats.end(), run.out[0].floats);
            std::copy(array.integers.begin(), array.integers.end(), run.out[0].integers);
          }};
}

template <class T>
Prepared filled(const ArrayType& type, T value) {
  return {{type}, [value](const Run& run) { std::fill_n(run.out[0].data<T>(), run.out[0].size(), value); }};
}

std::optional<ElementType> element_named(std::string_view name) {
  for (int i = 0; i < kElementTypes; ++i)
    if (element_name(static_cast<ElementType>(i)) == name) return static_cast<ElementType>(i);
  return std::nullopt;
}

Prepared constant_of_shape(const Call& call) {
  if (call.rank(0) != 1) call.reject("needs a shape");
  const Shape shape = call.make_shape(call.integers(0));
  if (!call.has_attribute("value")) return filled({ElementType::f32, shape}, 0.0f);
  const std::optional<ElementType> element = element_named(call.text_attribute("value", ""));
  if (!element) call.refuse("has a 'value' of a type that arrays have not");
  if (is_float(*element)) return filled({*element, shape}, call.float_attribute("value", 0));
  return filled({*element, shape}, wrap_to(*element, call.int_attribute("value", 0)));
}

/// The element type that an attribute names; refuses one that arrays have not.
ElementType type_attribute(const Call& call, std::string_view name, ElementType otherwise) {
  if (!call.has_attribute(name)) return otherwise;
  const std::int64_t number = call.int_attribute(name, 0);
  const std::optional<ElementType> element = element_of_onnx(number);
  if (!element || !is_computed(*element)) call.refuse("makes elements of type " + onnx_type_name(number));
  return *element;
}

Prepared eye_like(const Call& call) {
  if (call.rank(0) != 2) call.reject("needs an input of 2 dimensions");
  const std::int64_t rows = call.shape(0)[0], columns = call.shape(0)[1];
  const std::int64_t k = std::clamp(call.int_attribute("k", 0), -rows, columns);
  return {{{type_attribute(call, "dtype", call.element(0)), call.shape(0)}}, [=](const Run& run) {
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              T* out = run.out[0].data<T>();
              std::fill_n(out, run.out[0].size(), T{0});
              for (std::int64_t row = std::max<std::int64_t>(0, -k); row < rows && row + k < columns; ++row)
                out[row * columns + row + k] = T{1};
            });
          }};
}

constexpr double kMostSteps = 0x1p31;

Prepared range_of_floats(const Call& call) {
  const double start = call.floats(0).at(0), limit = call.floats(1).at(0), delta = call.floats(2).at(0);
  const double steps = std::ceil((limit - start) / delta);
  if (!(steps <= kMostSteps)) call.reject(fmt::format("goes from {} to {} by {}", start, limit, delta));
  Array array({call.element(0), Shape{steps > 0 ? static_cast<std::int64_t>(steps) : 0}});
  for (std::size_t i = 0; i < array.floats.size(); ++i)
    array.floats[i] = round_to(call.element(0), static_cast<float>(start + static_cast<double>(i) * delta));
  return known_array(std::move(array));
}

Prepared range(const Call& call) {
  for (int i = 0; i < 3; ++i) {
    if (call.element(i) != call.element(0)) call.reject("has inputs of different types");
    if (call.shape(i).elements() != 1) call.reject("needs scalars");
  }
  if (is_float(call.element(0))) return range_of_floats(call);
  for (int i = 0; i < 3; ++i) static_cast<void>(call.integers(i));  // refuses what is not known
  const auto exact = [&](int i) { return call.known(i)->integers[0]; };
  const std::int64_t start = exact(0), limit = exact(1), delta = exact(2);
  if (delta == 0) call.reject("has a step of 0");
  // Differences modulo 2^64: of limits in order they are right.
  const bool is_empty = delta > 0 ? limit <= start : limit >= start;
  const auto bits = [](std::int64_t v) { return static_cast<std::uint64_t>(v); };
  const std::uint64_t distance = delta > 0 ? bits(limit) - bits(start) : bits(start) - bits(limit);
  const std::uint64_t step = delta > 0 ? bits(delta) : 0 - bits(delta);
  const std::uint64_t steps = is_empty ? 0 : (distance - 1) / step + 1;
  if (steps > static_cast<std::uint64_t>(kMostSteps)) call.refuse(fmt::format("gives {} elements", steps));
  Array array({call.element(0), Shape{static_cast<std::int64_t>(steps)}});
  for (std::size_t i = 0; i < array.integers.size(); ++i)
    array.integers[i] = static_cast<std::int64_t>(bits(start) + i * bits(delta));
  return known_array(std::move(array));
}

/// a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n), n one less where the window is not periodic.
struct CosineWindow {
  double a0, a1, a2;
};

Prepared cosine_window(const Call& call, const CosineWindow& w) {
  if (call.shape(0).elements() != 1) call.reject("needs a scalar as its size");
  const std::int64_t size = call.integers(0)[0];
  const ElementType type = type_attribute(call, "output_datatype", ElementType::f32);
  Array array({type, call.make_shape(std::span(&size, 1))});
  const bool is_periodic = call.int_attribute("periodic", 1) != 0;
  const auto n = static_cast<double>(is_periodic || size < 2 ? size : size - 1);
  constexpr double kTwoPi = 6.283185307179586;
  for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
    const double angle = kTwoPi * static_cast<double>(i) / n;
    const double v = w.a0 - w.a1 * elementary::cos(angle) + w.a2 * elementary::cos(2 * angle);
    if (is_float(type))
      array.floats[i] = round_to(type, static_cast<float>(v));
    else
      array.integers[i] = wrap_to(type, static_cast<std::int64_t>(v));
  }
  return known_array(std::move(array));
}

Prepared hann_window(const Call& call) {
  return cosine_window(call, {0.5, 0.5, 0});
}

Prepared hamming_window(const Call& call) {
  return cosine_window(call, {25.0 / 46, 21.0 / 46, 0});
}

Prepared blackman_window(const Call& call) {
  return cosine_window(call, {0.42, 0.5, 0.08});
}

constexpr Function kGeneratorFunctions[] = {
    {"BlackmanWindow", blackman_window},
    {"ConstantOfShape", constant_of_shape},
    {"EyeLike", eye_like},
    {"HammingWindow", hamming_window},
    {"HannWindow", hann_window},
    {"Range", range},
};

}  // namespace

std::span<const Function> generator_functions() {
  return kGeneratorFunctions;
}

}  // namespace lowbit::arrays
