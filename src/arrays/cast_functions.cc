// SPDX-License-Identifier: Apache-2.0
// Other element types: values that are converted, and bits that are read anew.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "arrays/onnx_types.h"
#include "arrays/registry.h"
#include "lowbit/core/cast.h"

namespace lowbit::arrays {
namespace {

/// The element type of a number that the attribute `to` has.
ElementType named_type(const Call& call, std::int64_t number) {
  const std::optional<ElementType> element = element_of_onnx(number);
  if (!element) call.refuse("makes elements of type " + onnx_type_name(number));
  return *element;
}

/// Elements go through the bytes of their type (or of another one) in blocks of so many.
constexpr std::size_t kBlock = 256;

/// Calls body(begin, count) for each block.
template <class Body>
void for_blocks(std::int64_t size, Body&& body) {
  const auto all = static_cast<std::size_t>(size);
  for (std::size_t begin = 0; begin < all; begin += kBlock) body(begin, std::min(kBlock, all - begin));
}

/// Bytes of a block as elements that arrays hold, and back.
class Block {
 public:
  std::span<std::byte> bytes(ElementType type, std::size_t n) {
    return std::span(bytes_).first(element_bytes(type, n));
  }
  void load(ElementType type, std::size_t n, const MutableArrayView& out, std::size_t begin) {
    if (out.floats)
      return lowbit::cast(type, bytes(type, n), ElementType::f32, writable(out.floats + begin, n), n);
    lowbit::cast(type, bytes(type, n), held(type), writable(out.integers + begin, n), n);
  }
  void store(ElementType type, std::size_t n, const ArrayView& in, std::size_t begin,
             const CastOptions& options = {}) {
    if (in.floats)
      return lowbit::cast(ElementType::f32, readable(in.floats + begin, n), type, bytes(type, n), n, options);
    lowbit::cast(held(in.type.element), readable(in.integers + begin, n), type, bytes(type, n), n, options);
  }

 private:
  static ElementType held(ElementType type) {
    return type == ElementType::u64 ? ElementType::u64 : ElementType::i64;
  }
  template <class T>
  static std::span<std::byte> writable(T* data, std::size_t n) {
    return std::as_writable_bytes(std::span(data, n));
  }
  template <class T>
  static std::span<const std::byte> readable(const T* data, std::size_t n) {
    return std::as_bytes(std::span(data, n));
  }

  std::array<std::byte, kBlock * sizeof(std::int64_t)> bytes_;
};

/// Integers become floats before they become narrower ones.
void to_floats(const Run& run, const CastOptions& options) {
  const ArrayType& to = run.out[0].type;
  Block block;
  for_blocks(run.out[0].size(), [&](std::size_t begin, std::size_t n) {
    block.store(ElementType::f32, n, run.in[0], begin);
    block.load(ElementType::f32, n, run.out[0], begin);
    if (to.element == ElementType::f32) return;
    block.store(to.element, n, {to, run.out[0].floats, nullptr}, begin, options);
    block.load(to.element, n, run.out[0], begin);
  });
}

void convert(const Run& run, const CastOptions& options) {
  if (run.out[0].floats) return to_floats(run, options);
  Block block;
  for_blocks(run.out[0].size(), [&](std::size_t begin, std::size_t n) {
    block.store(run.out[0].type.element, n, run.in[0], begin);
    block.load(run.out[0].type.element, n, run.out[0], begin);
  });
}

CastOptions options_of(const Call& call) {
  CastOptions options{.saturate = call.int_attribute("saturate", 1) != 0};
  const std::string mode = call.text_attribute("round_mode", "up");
  if (mode != "up" && mode != "down" && mode != "nearest")
    call.reject(fmt::format("has the round_mode '{}'", mode));
  options.round_mode = mode == "up"     ? ScaleRounding::up
                       : mode == "down" ? ScaleRounding::down
                                        : ScaleRounding::nearest;
  return options;
}

Prepared cast_to(const Call& call, ElementType to) {
  return {{{to, call.shape(0)}}, [options = options_of(call)](const Run& run) { convert(run, options); }};
}

Prepared cast(const Call& call) {
  if (!call.has_attribute("to")) call.reject("does not say to which type");
  return cast_to(call, named_type(call, call.int_attribute("to", 0)));
}

Prepared cast_like(const Call& call) {
  return cast_to(call, call.element(1));
}

/// Of a NaN the bits of a quiet one, but those of a bf16.
void reinterpret(const Run& run) {
  const ElementType from = run.in[0].type.element, to = run.out[0].type.element;
  Block block;
  for_blocks(run.out[0].size(), [&](std::size_t begin, std::size_t n) {
    block.store(from, n, run.in[0], begin);
    for (std::size_t i = 0; from == ElementType::bf16 && i < n; ++i) {
      const float v = run.in[0].floats[begin + i];
      const auto bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16);
      if (v != v) std::memcpy(block.bytes(from, n).data() + 2 * i, &bits, sizeof(bits));
    }
    block.load(to, n, run.out[0], begin);
  });
}

Prepared bit_cast_elements(const Call& call) {
  const ElementType to = named_type(call, call.int_attribute("to", 0));
  if (element_bits(to) != element_bits(call.element(0)))
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
