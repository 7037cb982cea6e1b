// ElementType: what the elements of an array are, by the names that ONNX has for them.
#pragma once

#include <cstdint>
#include <string_view>

#include "lowbit/core/config.h"

namespace lowbit {

/// Floats of all widths are held as float, integers and booleans as std::int64_t (of u64 the bits).
enum class ElementType : std::uint8_t { f32, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

constexpr bool is_float(ElementType type) {
  return type <= ElementType::bf16;
}

/// "f32", "i64", "bool", ...
constexpr std::string_view element_name(ElementType type) {
  constexpr std::string_view kElementNames[] = {"f32", "f16", "bf16", "i8",  "i16", "i32",
                                                "i64", "u8",  "u16",  "u32", "u64", "bool"};
  return kElementNames[static_cast<std::uint8_t>(type)];
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
    default:
      return value;
  }
}

}  // namespace lowbit
