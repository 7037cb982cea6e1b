// Other element types: values that are converted, and bits that are read anew.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "arrays/arithmetic.h"
#include "arrays/half.h"
#include "arrays/onnx_types.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

/// The element type of a number that the attribute `to` has.
ElementType named_type(const Call& call, std::int64_t number) {
  const std::optional<ElementType> element = element_of_onnx(number);
  if (!element) call.refuse("makes elements of type " + onnx_type_name(number));
  return *element;
}

/// Negative numbers wrap around in u64, too.
std::int64_t truncated_unsigned(float v) {
  return v < 0 ? truncate_to<std::int64_t>(v) : static_cast<std::int64_t>(truncate_to<std::uint64_t>(v));
}

void floats_to_integers(const Run& run) {
  const std::int64_t size = run.out[0].size();
  const float* in = run.in[0].floats;
  std::int64_t* out = run.out[0].integers;
  if (run.out[0].type.element == ElementType::boolean)
    for (std::int64_t i = 0; i < size; ++i) out[i] = in[i] != 0;
  else if (run.out[0].type.element == ElementType::u64)
    for (std::int64_t i = 0; i < size; ++i) out[i] = truncated_unsigned(in[i]);
  else
    for (std::int64_t i = 0; i < size; ++i) out[i] = truncate_to<std::int64_t>(in[i]);
  wrap_all(run.out[0]);
}

template <class T>
void to_floats(const Run& run) {
  const T* in = elements<T>(run.in[0]);
  const ElementType type = run.out[0].type.element;
  for (std::int64_t i = 0; i < run.out[0].size(); ++i)
    run.out[0].floats[i] = round_to(type, static_cast<float>(in[i]));
}

void convert(const Run& run) {
  if (run.out[0].floats)
    return with_arithmetic(run.in[0].type.element, [&](auto zero) { to_floats<decltype(zero)>(run); });
  if (run.in[0].floats) return floats_to_integers(run);
  std::copy_n(run.in[0].integers, run.out[0].size(), run.out[0].integers);
  wrap_all(run.out[0]);
}

Prepared cast(const Call& call) {
  if (!call.has_attribute("to")) call.reject("does not say to which type");
  return {{{named_type(call, call.int_attribute("to", 0)), call.shape(0)}}, convert};
}

Prepared cast_like(const Call& call) {
  return {{{call.element(1), call.shape(0)}}, convert};
}

int bits_of(ElementType type) {
  constexpr int kBits[] = {32, 16, 16, 8, 16, 32, 64, 8, 16, 32, 64, 8};
  return kBits[static_cast<std::size_t>(type)];
}

std::uint32_t float_bits(ElementType type, float v) {
  if (type == ElementType::f16) return half_bits(v);
  return std::bit_cast<std::uint32_t>(v) >> (type == ElementType::bf16 ? 16 : 0);
}

float float_of_bits(ElementType type, std::uint32_t bits) {
  if (type == ElementType::f16) return half_from_bits(static_cast<std::uint16_t>(bits));
  return std::bit_cast<float>(type == ElementType::bf16 ? bits << 16 : bits);
}

void reinterpret(const Run& run) {
  const ElementType from = run.in[0].type.element, to = run.out[0].type.element;
  for (std::int64_t i = 0; i < run.out[0].size(); ++i) {
    const auto bits =
        run.in[0].floats ? std::int64_t{float_bits(from, run.in[0].floats[i])} : run.in[0].integers[i];
    if (run.out[0].floats)
      run.out[0].floats[i] = float_of_bits(to, static_cast<std::uint32_t>(bits));
    else
      run.out[0].integers[i] = wrap_to(to, bits);
  }
}

Prepared bit_cast_elements(const Call& call) {
  const ElementType to = named_type(call, call.int_attribute("to", 0));
  if (bits_of(to) != bits_of(call.element(0)))
    call.reject(
        fmt::format("makes {} of {}, which has other bits", element_name(to), element_name(call.element(0))));
  return {{{to, call.shape(0)}}, reinterpret};
}

constexpr Function kCastFunctions[] = {
    {"BitCast", bit_cast_elements}, {"Cast", cast}, {"CastLike", cast_like}};

}  // namespace

std::span<const Function> cast_functions() {
  return kCastFunctions;
}

}  // namespace lowbit::arrays
