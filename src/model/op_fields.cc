// SPDX-License-Identifier: Apache-2.0
#include "model/op_fields.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace lowbit::detail {
namespace {

class Lister {
 public:
  std::vector<OpField> take() { return std::move(fields_); }

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void operator()(const char* name, T& value) {
    if constexpr (std::is_same_v<T, std::int64_t>)
      add_numbers(name, {&value, 1});
    else
      add_bytes(name, std::as_bytes(std::span(&value, 1)));
  }
  void operator()(const char* name, std::vector<std::int64_t>& values) { add_numbers(name, values); }
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void operator()(const char* name,
                                                                         std::vector<T>& values) {
    add_bytes(name, std::as_bytes(std::span(values)));
  }
  void operator()(const char* name, std::string& text) { add_bytes(name, std::as_bytes(std::span(text))); }
  void operator()(const char* name, Tensor& tensor) {
    OpField& field = add(name, OpField::Kind::block);
    field.shape = &tensor.shape;
    field.floats = &tensor.data;
  }
  void operator()(const char* name, ops::Activation& a) { (*this)(name, a.lo), (*this)(name, a.hi); }
  /// Kernels and strides are the layer's own; padding may follow from sizes.
  void operator()(const char* name, ops::Window& w) {
    for (const auto* pair : {&w.kernel, &w.stride, &w.dilation})
      add_bytes(name, std::as_bytes(std::span(*pair)));
    add_numbers(name, w.pad);
    fields_.back().least = 0, fields_.back().most = 1 << 20;
  }
  void operator()(const char* name, std::vector<arrays::Array>& list) {
    for (arrays::Array& array : list) {
      add_bytes(name, std::as_bytes(std::span(&array.type.element, 1)));
      OpField& field = add(name, OpField::Kind::block);
      field.shape = &array.type.shape;
      if (is_float(array.type.element))
        field.floats = &array.floats;
      else
        field.integers = &array.integers;
    }
  }
  void operator()(const char*, std::vector<ArrayAttribute>& list) {
    for (ArrayAttribute& attribute : list) attribute.visit_fields(*this);
  }

 private:
  OpField& add(const char* name, OpField::Kind kind) {
    OpField& field = fields_.emplace_back();
    field.name = name;
    field.kind = kind;
    return field;
  }
  void add_numbers(const char* name, std::span<std::int64_t> numbers) {
    add(name, OpField::Kind::numbers).numbers = numbers;
  }
  void add_bytes(const char* name, std::span<const std::byte> bytes) {
    add(name, OpField::Kind::opaque).bytes = bytes;
  }

  std::vector<OpField> fields_;
};

template <class T>
bool same_bytes(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

template <class T>
bool same_list(const std::vector<T>* a, const std::vector<T>* b) {
  if (!a || !b) return a == b;
  return same_bytes<T>(*a, *b);
}

}  // namespace

std::vector<OpField> fields_of(ops::Op& op) {
  Lister lister;
  std::visit([&](auto& o) { o.visit_fields(lister); }, op);
  return lister.take();
}

bool same_field(const OpField& a, const OpField& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case OpField::Kind::numbers:
      return same_bytes<std::int64_t>(a.numbers, b.numbers);
    case OpField::Kind::block:
      return *a.shape == *b.shape && same_list(a.floats, b.floats) && same_list(a.integers, b.integers);
    case OpField::Kind::opaque:
      break;
  }
  return same_bytes(a.bytes, b.bytes);
}

}  // namespace lowbit::detail
