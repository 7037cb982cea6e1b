// SPDX-License-Identifier: Apache-2.0
// Little-endian bytes of an observer's state. The reader checks every length.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"

namespace lowbit::detail {

static_assert(std::endian::native == std::endian::little, "lowbit runs on little-endian machines only");

class StateWriter {
 public:
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof(T));
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class StateReader {
 public:
  explicit StateReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool at_end() const { return bytes_.empty(); }
  /// Throws Error(corrupt_file) at the end of the bytes.
  template <class T>
  requires std::is_arithmetic_v<T> T get() {
    if (bytes_.size() < sizeof(T))
      throw_error(ErrorCode::corrupt_file, "the state of an observer is cut off");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  /// Throws Error(corrupt_file) when bytes are left.
  void finish() const {
    if (!at_end()) throw_error(ErrorCode::corrupt_file, "the state of an observer goes on after its end");
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace lowbit::detail
