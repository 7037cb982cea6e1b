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

#include "coding/coded_blocks.h"
#include "core/byte_source.h"
#include "core/large_floats.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/op_common.h"

namespace lowbit {

static_assert(std::endian::native == std::endian::little, "lowbit runs on little-endian machines only");

/// Lists of fewer bytes stay among the structure of a compressed file as they are.
constexpr std::uint64_t kShortList = 64;

class FieldWriter {
 public:
  FieldWriter() = default;
  /// Lists of numbers go to `blocks`, which outlives this; see coding/coded_blocks.h.
  explicit FieldWriter(coding::BlockWriter& blocks) : blocks_(&blocks) {}

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void operator()(const char*, const T& value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof(T));
  }
  template <class T>
  void operator()(const char* name, const std::vector<T>& values) {
    (*this)(name, static_cast<std::uint64_t>(values.size()));
    add_numbers(std::as_bytes(std::span(values)), sizeof(T), 8);
  }
  /// Packed codes, of which each has `symbol_bits` bits (8, 4 or 2).
  void codes(const char* name, const std::vector<std::uint8_t>& values, int symbol_bits) {
    (*this)(name, static_cast<std::uint64_t>(values.size()));
    add_numbers(std::as_bytes(std::span(values)), 1, symbol_bits);
  }
  template <class T>
  requires requires(T t, FieldWriter& v) { t.visit_fields(v); }
  void operator()(const char* name, std::vector<T>& values) {
    (*this)(name, static_cast<std::uint64_t>(values.size()));
    for (T& value : values) value.visit_fields(*this);
  }
  void operator()(const char* name, const std::string& text) {
    (*this)(name, static_cast<std::uint64_t>(text.size()));
    add_bytes(std::as_bytes(std::span(text)));
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
  void add_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void add_numbers(std::span<const std::byte> bytes, std::size_t element, int symbol_bits) {
    if (blocks_ && bytes.size() >= kShortList)
      blocks_->add(bytes, element, symbol_bits, bytes_);
    else
      add_bytes(bytes);
  }

  std::vector<std::byte> bytes_;
  coding::BlockWriter* blocks_ = nullptr;
};

class FieldReader {
 public:
  /// `blocks`: where a FieldWriter put lists of numbers; null: nowhere else.
  FieldReader(SourceCursor bytes, std::string file, coding::BlockReader* blocks = nullptr)
      : bytes_(std::move(bytes)), file_(std::move(file)), blocks_(blocks) {}

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
    std::uint64_t count = 0;
    if (read_planes(name, sizeof(T), 8, count, [&](std::size_t p, std::span<const std::uint8_t> plane) {
          if (p == 0) values = list_of<T>(plane.size());
          auto* to = reinterpret_cast<std::uint8_t*>(values.data()) + p;
          for (std::size_t i = 0; i < plane.size(); ++i) to[i * sizeof(T)] = plane[i];
        }))
      return;
    check_count(name, count, sizeof(T));
    values = list_of<T>(count);
    bytes_.read(std::as_writable_bytes(std::span(values)));
  }
  /// As FieldWriter::codes.
  void codes(const char* name, std::vector<std::uint8_t>& values, int symbol_bits) {
    std::uint64_t count = 0;
    if (read_planes(name, 1, symbol_bits, count, [&](std::size_t, std::span<const std::uint8_t> plane) {
          values.assign(plane.begin(), plane.end());
        }))
      return;
    check_count(name, count, 1);
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
    text.resize(length(name, 1));
    bytes_.read(std::as_writable_bytes(std::span(text)));
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
    check_count(name, count, size);
    return count;
  }
  bool at_end() const { return bytes_.left() == 0 && (!blocks_ || blocks_->at_end()); }
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

  void check_count(const char* name, std::uint64_t count, std::size_t size) const {
    if (count > bytes_.left() / size) fail(name);
  }
  template <class T>
  static std::vector<T> list_of(std::uint64_t count) {
    if constexpr (std::is_same_v<T, float>)
      return large_floats(count);
    else
      return std::vector<T>(count);
  }
  /// Reads the count of a list; and, where the list lies in blocks, all of it, and returns true.
  template <class Take>
  bool read_planes(const char* name, std::size_t element, int symbol_bits, std::uint64_t& count,
                   const Take& take) {
    (*this)(name, count);
    if (!blocks_ || count < (kShortList + element - 1) / element) return false;
    const auto structure = [&](std::span<std::uint8_t> out) {
      require(out.size(), name);
      bytes_.read(std::as_writable_bytes(out));
    };
    if (!blocks_->read(count, element, symbol_bits, structure, take)) fail(name);
    return true;
  }

  SourceCursor bytes_;
  std::string file_;
  coding::BlockReader* blocks_ = nullptr;
};

}  // namespace lowbit
