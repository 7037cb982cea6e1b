// SPDX-License-Identifier: Apache-2.0
// Little-endian binary reading and writing for .lowbit files. Both sides are driven by the same visit_fields
// of each operator, so that a member is written and read in one place. The reader trusts nothing: every
// length is checked against the bytes that are left before memory is taken.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/byte_source.h"
#include "core/large_floats.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/op_common.h"

namespace lowbit {

static_assert(std::endian::native == std::endian::little, "lowbit runs on little-endian machines only");

class FieldWriter {
 public:
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void operator()(const char*, const T& value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof(T));
  }
  template <class T>
  void operator()(const char* name, const std::vector<T>& values) {
    (*this)(name, static_cast<std::uint64_t>(values.size()));
    const auto* p = reinterpret_cast<const std::byte*>(values.data());
    bytes_.insert(bytes_.end(), p, p + values.size() * sizeof(T));
  }
  template <class T>
  requires requires(T t, FieldWriter& v) { t.visit_fields(v); }
  void operator()(const char* name, std::vector<T>& values) {
    (*this)(name, static_cast<std::uint64_t>(values.size()));
    for (T& value : values) value.visit_fields(*this);
  }
  void operator()(const char* name, const std::string& text) {
    (*this)(name, std::vector<char>(text.begin(), text.end()));
  }
  void operator()(const char* name, const Shape& shape) {
    (*this)(name, std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end()));
  }
  void operator()(const char* name, const Tensor& tensor) {
    (*this)(name, tensor.shape);
    (*this)(name, tensor.data);
  }
  void operator()(const char* name, const ops::Activation& a) { (*this)(name, a.lo), (*this)(name, a.hi); }
  void operator()(const char* name, const ops::Window& w) {
    for (const auto* pair : {&w.kernel, &w.stride, &w.dilation})
      for (const std::int64_t v : *pair) (*this)(name, v);
    for (const std::int64_t v : w.pad) (*this)(name, v);
  }

  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class FieldReader {
 public:
  FieldReader(SourceCursor bytes, std::string file) : bytes_(std::move(bytes)), file_(std::move(file)) {}

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void operator()(const char* name, T& value) {
    require(sizeof(T), name);
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t b = 0;
      bytes_.read(std::as_writable_bytes(std::span(&b, 1)));
      if (b > 1) fail(name);
      value = b != 0;
    } else {
      bytes_.read(std::as_writable_bytes(std::span(&value, 1)));
    }
  }
  template <class T>
  void operator()(const char* name, std::vector<T>& values) {
    const std::uint64_t count = length(name, sizeof(T));
    if constexpr (std::is_same_v<T, float>)
      values = large_floats(count);
    else
      values.resize(count);
    bytes_.read(std::as_writable_bytes(std::span(values)));
  }
  template <class T>
  requires requires(T t, FieldReader& v) { t.visit_fields(v); }
  void operator()(const char* name, std::vector<T>& values) {
    values.resize(length(name, 1));
    for (T& value : values) value.visit_fields(*this);
  }
  void operator()(const char* name, std::string& text) {
    std::vector<char> chars;
    (*this)(name, chars);
    text.assign(chars.begin(), chars.end());
  }
  void operator()(const char* name, Shape& shape) {
    std::vector<std::int64_t> dims;
    (*this)(name, dims);
    if (dims.size() > Shape::kMaxRank) fail(name);
    shape = Shape(dims);
    // No value or weight of a real network comes near this; refusing more keeps sums of sizes inside 64 bits.
    if (shape.elements() > std::int64_t{1} << 31) fail(name);
  }
  void operator()(const char* name, Tensor& tensor) {
    (*this)(name, tensor.shape);
    (*this)(name, tensor.data);
    if (!tensor.data.empty() && static_cast<std::int64_t>(tensor.data.size()) != tensor.shape.elements())
      fail(name);
  }
  void operator()(const char* name, ops::Activation& a) {
    (*this)(name, a.lo), (*this)(name, a.hi);
    if (!(a.lo <= a.hi)) fail(name);
  }
  void operator()(const char* name, ops::Window& w) {
    for (auto* pair : {&w.kernel, &w.stride, &w.dilation})
      for (std::int64_t& v : *pair) (*this)(name, v), bound(name, v, 1);
    for (std::int64_t& v : w.pad) (*this)(name, v), bound(name, v, 0);
  }

  /// A count of things that take at least `size` bytes each; checked against what is left.
  std::uint64_t length(const char* name, std::size_t size) {
    std::uint64_t count = 0;
    (*this)(name, count);
    if (count > bytes_.left() / size) fail(name);
    return count;
  }
  bool at_end() const { return bytes_.left() == 0; }
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::corrupt_file, "'" + file_ + "' is damaged: its '" + what + "' cannot be");
  }

 private:
  void require(std::size_t size, const char* name) const {
    if (bytes_.left() < size) fail(name);
  }
  void bound(const char* name, std::int64_t value, std::int64_t least) const {
    if (value < least || value > (1 << 20)) fail(name);
  }

  SourceCursor bytes_;
  std::string file_;
};

}  // namespace lowbit
