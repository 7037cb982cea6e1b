// SPDX-License-Identifier: Apache-2.0
// A value of the metadata of a GGUF file: a number, a text, or an array of either or of arrays.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit {

/// The numbers are those of files.
enum class GgufValueType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

namespace detail {
template <class T>
concept GgufNumber = (std::is_arithmetic_v<T> && sizeof(T) <= 8 && !std::same_as<T, long double>);

template <GgufNumber T>
constexpr GgufValueType gguf_number_type() {
  if constexpr (std::same_as<T, bool>) return GgufValueType::boolean;
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? GgufValueType::f32 : GgufValueType::f64;
  constexpr bool kSigned = std::is_signed_v<T>;
  if constexpr (sizeof(T) == 1) return kSigned ? GgufValueType::i8 : GgufValueType::u8;
  if constexpr (sizeof(T) == 2) return kSigned ? GgufValueType::i16 : GgufValueType::u16;
  if constexpr (sizeof(T) == 4) return kSigned ? GgufValueType::i32 : GgufValueType::u32;
  return kSigned ? GgufValueType::i64 : GgufValueType::u64;
}
}  // namespace detail

/// Keeps the bytes of the file, so that what is written is what was read. Functions that ask for another kind
/// of value than it is throw Error(invalid_argument) saying which it is.
class GgufValue {
 public:
  template <detail::GgufNumber T>
  GgufValue(T value) : type_(detail::gguf_number_type<T>()), bytes_(sizeof(T), '\0') {
    std::memcpy(bytes_.data(), &value, sizeof(T));
  }
  GgufValue(std::string_view text);
  GgufValue(const char* text) : GgufValue(std::string_view(text)) {}
  GgufValue(const std::string& text) : GgufValue(std::string_view(text)) {}
  /// An array whose elements have this type. Throws Error(invalid_argument) where one has another.
  static GgufValue array(GgufValueType element, std::span<const GgufValue> values);
  /// As in a file, without the type. Throws Error(corrupt_file) where `bytes` are no such value, or one of
  /// arrays that are nested more than 8 deep.
  static GgufValue from_bytes(GgufValueType type, std::span<const std::byte> bytes);

  GgufValueType type() const { return type_; }
  bool is_integer() const;
  /// Any integer; of u64 its bits.
  std::int64_t integer() const;
  /// Any number but a boolean, rounded to double.
  double real() const;
  bool boolean() const;
  std::string_view text() const;

  // Of an array.
  GgufValueType element_type() const;
  std::uint64_t size() const;
  std::vector<std::int64_t> integers() const;
  std::vector<double> reals() const;
  std::vector<std::string_view> texts() const;  ///< they point into this object
  std::vector<GgufValue> values() const;        ///< of any elements

  /// "7", "0.5", "true", "\"llama\"", "[1, 2, 3, ...] (32000 u32)"; at most about 80 characters.
  std::string to_string() const;
  /// As in a file, without the type.
  std::string_view bytes() const { return bytes_; }

  friend bool operator==(const GgufValue&, const GgufValue&) = default;

 private:
  GgufValue() = default;

  GgufValueType type_ = GgufValueType::u8;
  std::string bytes_;
};

/// "u8", "string", ...
std::string_view gguf_value_type_name(GgufValueType type) noexcept;

}  // namespace lowbit
