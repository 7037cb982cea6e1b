// SPDX-License-Identifier: Apache-2.0
// ElementType: what the elements of an array are, by the names that ONNX has for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lowbit/core/config.h"

namespace lowbit {

/// The numbers are those of files: new types come last. cast.h has a C++ type for each; arrays (array.h) hold
/// floats of all widths but f64 as float, integers and booleans as std::int64_t (of u64 the bits).
enum class ElementType : std::uint8_t {
  f32,
  f16,
  bf16,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  boolean,
  f64,
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  f8e8m0,
  f4e2m1,
  i4,
  u4,
  i2,
  u2,
};

inline constexpr int kElementTypes = static_cast<int>(ElementType::u2) + 1;

constexpr bool is_float(ElementType type) {
  return type <= ElementType::bf16 || (type >= ElementType::f64 && type <= ElementType::f4e2m1);
}

/// "f32", "i64", "bool", "f8e4m3fn", ...
constexpr std::string_view element_name(ElementType type) {
  constexpr std::string_view kElementNames[kElementTypes] = {
      "f32",        "f16",    "bf16",   "i8",   "i16", "i32",      "i64",        "u8",
      "u16",        "u32",    "u64",    "bool", "f64", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2",
      "f8e5m2fnuz", "f8e8m0", "f4e2m1", "i4",   "u4",  "i2",       "u2"};
  return kElementNames[static_cast<std::uint8_t>(type)];
}

/// Of one element as files and cast.h have it: 64 to 2; 8 of a boolean.
constexpr int element_bits(ElementType type) {
  constexpr std::uint8_t kElementBits[kElementTypes] = {32, 16, 16, 8, 16, 32, 64, 8, 16, 32, 64, 8,
                                                        64, 8,  8,  8, 8,  8,  4,  4, 4,  2,  2};
  return kElementBits[static_cast<std::uint8_t>(type)];
}

/// Bytes of so many elements: those of 4 and 2 bits are packed, low bits first (packing.h).
constexpr std::size_t element_bytes(ElementType type, std::size_t count) {
  const auto bits = static_cast<std::size_t>(element_bits(type));
  if (bits >= 8) return count * (bits / 8);
  const std::size_t per_byte = 8 / bits;
  return count / per_byte + (count % per_byte != 0);
}

/// `value` as an integer of so many bits has it: what does not fit wraps around. `type` is no float.
constexpr std::int64_t wrap_to(ElementType type, std::int64_t value) {
  switch (type) {
    case ElementType::i8:
      return static_cast<std::int8_t>(value);
    case ElementType::i16:
      return static_cast<std::int16_t>(value);
    case ElementType::i32:
      return static_cast<std::int32_t>(value);
    case ElementType::u8:
      return static_cast<std::uint8_t>(value);
    case ElementType::u16:
      return static_cast<std::uint16_t>(value);
    case ElementType::u32:
      return static_cast<std::uint32_t>(value);
    case ElementType::boolean:
      return value != 0;
    case ElementType::i4:
      return ((value & 15) ^ 8) - 8;
    case ElementType::u4:
      return value & 15;
    case ElementType::i2:
      return ((value & 3) ^ 2) - 2;
    case ElementType::u2:
      return value & 3;
    default:
      return value;
  }
}

}  // namespace lowbit
