// SPDX-License-Identifier: Apache-2.0
// Walks the head of a GGUF file. Nothing is believed: what does not fit ends in an Error that says where.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <span>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/io/gguf/gguf_value.h"

namespace lowbit::detail {

static_assert(std::endian::native == std::endian::little);

class GgufCursor {
 public:
  /// `what` stands in sentences.
  GgufCursor(std::span<const std::byte> bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  void call_it(std::string what) { what_ = std::move(what); }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::corrupt_file, fmt::format("{} {}", what_, why));
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > left())
      fail(fmt::format("ends too early: {} bytes are needed at {}, and {} are there", count, at_, left()));
    const std::span<const std::byte> taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view text() {
    const std::span<const std::byte> chars = take(number<std::uint64_t>());
    return {reinterpret_cast<const char*>(chars.data()), chars.size()};
  }
  GgufValueType value_type() {
    const auto type = number<std::uint32_t>();
    if (type > static_cast<std::uint32_t>(GgufValueType::f64))
      fail(fmt::format("has a value of the type {}, which does not exist", type));
    return static_cast<GgufValueType>(type);
  }
  /// Passes over a value, checks it, and gives its bytes.
  std::span<const std::byte> value(GgufValueType type) {
    const std::size_t first = at_;
    skip_value(type, 0);
    return bytes_.subspan(first, at_ - first);
  }

 private:
  void skip_value(GgufValueType type, int depth);

  std::span<const std::byte> bytes_;
  std::string what_;
  std::size_t at_ = 0;
};

/// Of a number or boolean; 0 of texts and arrays.
constexpr std::size_t gguf_value_bytes(GgufValueType type) {
  constexpr std::size_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<std::uint32_t>(type)];
}

inline void GgufCursor::skip_value(GgufValueType type, int depth) {
  constexpr int kDeepest = 8;
  const auto check_booleans = [&](std::span<const std::byte> values) {
    for (const std::byte b : values)
      if (b > std::byte{1}) fail(fmt::format("has the boolean {}", static_cast<int>(b)));
  };
  if (type == GgufValueType::string) {
    text();
  } else if (type != GgufValueType::array) {
    const std::span<const std::byte> taken = take(gguf_value_bytes(type));
    if (type == GgufValueType::boolean) check_booleans(taken);
  } else {
    if (depth == kDeepest) fail(fmt::format("has arrays nested more than {} deep", kDeepest));
    const GgufValueType element = value_type();
    const auto count = number<std::uint64_t>();
    if (const std::size_t size = gguf_value_bytes(element)) {
      if (count > left() / size)
        fail(fmt::format("has an array of {} elements, which is longer than the file", count));
      const std::span<const std::byte> taken = take(count * size);
      if (element == GgufValueType::boolean) check_booleans(taken);
    } else {
      // Each takes 8 bytes at least, or the cursor is at the end soon.
      for (std::uint64_t i = 0; i < count; ++i) skip_value(element, depth + 1);
    }
  }
}

}  // namespace lowbit::detail
