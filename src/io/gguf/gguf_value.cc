// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/gguf/gguf_value.h"

#include "io/gguf/gguf_cursor.h"

namespace lowbit {
namespace {

constexpr std::string_view kValueTypeNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                "bool", "string", "array", "u64", "i64", "f64"};

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

std::span<const std::byte> as_span(std::string_view bytes) {
  return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

[[noreturn]] void refuse_value(const char* asked, GgufValueType type) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("a GGUF value of type {} is no {}", gguf_value_type_name(type), asked));
}

std::int64_t integer_at(detail::GgufCursor& cursor, GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
      return cursor.number<std::uint8_t>();
    case GgufValueType::i8:
      return cursor.number<std::int8_t>();
    case GgufValueType::u16:
      return cursor.number<std::uint16_t>();
    case GgufValueType::i16:
      return cursor.number<std::int16_t>();
    case GgufValueType::u32:
      return cursor.number<std::uint32_t>();
    case GgufValueType::i32:
      return cursor.number<std::int32_t>();
    case GgufValueType::u64:
    case GgufValueType::i64:
      return cursor.number<std::int64_t>();
    default:
      refuse_value("integer", type);
  }
}

double real_at(detail::GgufCursor& cursor, GgufValueType type) {
  if (type == GgufValueType::f32) return double{cursor.number<float>()};
  if (type == GgufValueType::f64) return cursor.number<double>();
  if (type == GgufValueType::u64) return static_cast<double>(cursor.number<std::uint64_t>());
  if (type == GgufValueType::boolean || type == GgufValueType::string || type == GgufValueType::array)
    refuse_value("number", type);
  return static_cast<double>(integer_at(cursor, type));
}

/// The cursor of an array's elements.
struct Elements {
  detail::GgufCursor cursor;
  GgufValueType type;
  std::uint64_t count;

  explicit Elements(const GgufValue& value) : cursor(as_span(value.bytes()), "a GGUF array") {
    if (value.type() != GgufValueType::array) refuse_value("array", value.type());
    type = cursor.value_type();
    count = cursor.number<std::uint64_t>();
  }
  template <class T, class Read>
  std::vector<T> read(const Read& read_one) {
    std::vector<T> all;
    all.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) all.push_back(read_one(cursor, type));
    return all;
  }
};

}  // namespace

std::string_view gguf_value_type_name(GgufValueType type) noexcept {
  const auto i = static_cast<std::uint32_t>(type);
  return i < std::size(kValueTypeNames) ? kValueTypeNames[i] : std::string_view();
}

GgufValue::GgufValue(std::string_view text) : type_(GgufValueType::string) {
  append(bytes_, std::uint64_t{text.size()});
  bytes_.append(text);
}

GgufValue GgufValue::array(GgufValueType element, std::span<const GgufValue> values) {
  std::string bytes;
  append(bytes, static_cast<std::uint32_t>(element));
  append(bytes, std::uint64_t{values.size()});
  for (const GgufValue& value : values) {
    if (value.type() != element)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("a GGUF array of {} cannot have an element of {}",
                              gguf_value_type_name(element), gguf_value_type_name(value.type())));
    bytes.append(value.bytes());
  }
  return from_bytes(GgufValueType::array, as_span(bytes));
}

GgufValue GgufValue::from_bytes(GgufValueType type, std::span<const std::byte> bytes) {
  detail::GgufCursor cursor(bytes, "a GGUF value");
  if (gguf_value_type_name(type).empty()) cursor.fail("has a type that does not exist");
  cursor.value(type);
  if (cursor.left() != 0) cursor.fail(fmt::format("has {} bytes behind it", cursor.left()));
  GgufValue value;
  value.type_ = type;
  value.bytes_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return value;
}

bool GgufValue::is_integer() const {
  return type_ <= GgufValueType::i32 || type_ == GgufValueType::u64 || type_ == GgufValueType::i64;
}

std::int64_t GgufValue::integer() const {
  detail::GgufCursor cursor(as_span(bytes_), "a GGUF value");
  return integer_at(cursor, type_);
}

double GgufValue::real() const {
  detail::GgufCursor cursor(as_span(bytes_), "a GGUF value");
  return real_at(cursor, type_);
}

bool GgufValue::boolean() const {
  if (type_ != GgufValueType::boolean) refuse_value("boolean", type_);
  return bytes_[0] != 0;
}

std::string_view GgufValue::text() const {
  if (type_ != GgufValueType::string) refuse_value("text", type_);
  return std::string_view(bytes_).substr(sizeof(std::uint64_t));
}

GgufValueType GgufValue::element_type() const {
  return Elements(*this).type;
}

std::uint64_t GgufValue::size() const {
  return Elements(*this).count;
}

std::vector<std::int64_t> GgufValue::integers() const {
  return Elements(*this).read<std::int64_t>(integer_at);
}

std::vector<double> GgufValue::reals() const {
  return Elements(*this).read<double>(real_at);
}

std::vector<std::string_view> GgufValue::texts() const {
  return Elements(*this).read<std::string_view>([](detail::GgufCursor& cursor, GgufValueType type) {
    if (type != GgufValueType::string) refuse_value("text", type);
    return cursor.text();
  });
}

std::vector<GgufValue> GgufValue::values() const {
  return Elements(*this).read<GgufValue>(
      [](detail::GgufCursor& cursor, GgufValueType type) { return from_bytes(type, cursor.value(type)); });
}

std::string GgufValue::to_string() const {
  constexpr std::size_t kText = 60, kElements = 4;
  if (type_ == GgufValueType::boolean) return boolean() ? "true" : "false";
  if (type_ == GgufValueType::string) {
    const std::string_view all = text();
    return fmt::format("\"{}{}\"", all.substr(0, kText), all.size() > kText ? "..." : "");
  }
  if (type_ != GgufValueType::array) {
    if (type_ == GgufValueType::u64) return fmt::format("{}", static_cast<std::uint64_t>(integer()));
    if (type_ == GgufValueType::f32) return fmt::format("{}", static_cast<float>(real()));
    return is_integer() ? fmt::format("{}", integer()) : fmt::format("{}", real());
  }
  Elements elements(*this);
  std::string list;
  for (std::size_t i = 0; i < kElements && i < elements.count && list.size() < kText; ++i) {
    const GgufValue value = from_bytes(elements.type, elements.cursor.value(elements.type));
    list += fmt::format("{}{}", i ? ", " : "", value.to_string());
  }
  return fmt::format("[{}{}] ({} {})", list, elements.count > kElements ? ", ..." : "", elements.count,
                     gguf_value_type_name(elements.type));
}

}  // namespace lowbit
