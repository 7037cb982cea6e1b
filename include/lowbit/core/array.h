// SPDX-License-Identifier: Apache-2.0
// Arrays: tensors of any element type, dense and row-major, as ONNX's operators see them. A view has its
// elements in `floats` or in `integers`, as is_float(type.element) says; the other pointer is null. Floats
// may also be rows in codes (layers/row_codes.h) for a value of a model that is kept so; then `rows` alone is
// set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "lowbit/core/element_type.h"
#include "lowbit/core/shape.h"

namespace lowbit::arrays {

struct ArrayType {
  ElementType element = ElementType::f32;
  Shape shape{};

  friend bool operator==(const ArrayType&, const ArrayType&) = default;
};

struct ArrayView {
  ArrayType type;
  const float* floats = nullptr;
  const std::int64_t* integers = nullptr;
  const std::byte* rows = nullptr;

  bool is_present() const { return floats || integers || rows; }
  std::int64_t size() const { return type.shape.elements(); }
  /// Its elements, of T float or std::int64_t.
  template <class T>
  const T* data() const {
    if constexpr (std::is_same_v<T, float>)
      return floats;
    else
      return integers;
  }
};

/// One that is written.
struct MutableArrayView {
  ArrayType type;
  float* floats = nullptr;
  std::int64_t* integers = nullptr;
  std::byte* rows = nullptr;

  bool is_present() const { return floats || integers || rows; }
  std::int64_t size() const { return type.shape.elements(); }
  template <class T>
  T* data() const {
    if constexpr (std::is_same_v<T, float>)
      return floats;
    else
      return integers;
  }
};

/// One that owns its elements.
struct Array {
  ArrayType type;
  std::vector<float> floats{};
  std::vector<std::int64_t> integers{};

  Array() = default;
  template <class V>
  void visit_fields(V&& v) {
    v("element", type.element), v("shape", type.shape), v("floats", floats), v("integers", integers);
  }
  /// Zeros.
  explicit Array(const ArrayType& t) : type(t) {
    const auto size = static_cast<std::size_t>(type.shape.elements());
    if (is_float(type.element))
      floats.resize(size);
    else
      integers.resize(size);
  }
  /// An empty array has pointers too, so that it is present.
  ArrayView view() const {
    const MutableArrayView v = const_cast<Array*>(this)->mutable_view();
    return {v.type, v.floats, v.integers};
  }
  MutableArrayView mutable_view() {
    static float no_floats = 0;
    static std::int64_t no_integers = 0;
    if (is_float(type.element)) return {type, floats.empty() ? &no_floats : floats.data(), nullptr};
    return {type, nullptr, integers.empty() ? &no_integers : integers.data()};
  }
};

}  // namespace lowbit::arrays
