// SPDX-License-Identifier: Apache-2.0
// Constant: a tensor of an ONNX file whose elements are known while it is imported: an initializer, the
// result of a Constant node, or arithmetic on shapes.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "io/onnx/file_codes.h"
#include "io/onnx/stored_floats.h"
#include "lowbit/core/element_type.h"

namespace lowbit::onnx_import {

/// Stands for the batch dimension in the result of Shape; the batch is not part of a graph.
inline constexpr std::int64_t kBatchDim = std::numeric_limits<std::int64_t>::min();

/// Either floats or integers, row-major. Floats are here or, where the file has them in one piece, still
/// there.
struct Constant {
  std::vector<std::int64_t> dims;  ///< empty for a scalar
  bool is_integer = false;
  std::vector<double> floats;
  std::vector<std::int64_t> integers;

  std::optional<StoredFloats> stored{};          ///< in the place of `floats`
  std::optional<double> filled{};                ///< likewise: all floats are this one
  std::size_t stored_size = 0;                   ///< of `stored` or `filled`
  std::optional<ElementType> element{};          ///< where the file says more than float or integer
  std::shared_ptr<const ConstantCodes> codes{};  ///< where the floats stand for codes

  ElementType element_type() const {
    return element ? *element : is_integer ? ElementType::i64 : ElementType::f32;
  }

  std::size_t size() const {
    return is_integer ? integers.size() : stored || filled ? stored_size : floats.size();
  }
  /// Elements from `first` on, rounded to T (float or double).
  template <class T>
  void read(std::size_t first, std::span<T> out) const {
    if (stored) return stored->read(first, out);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<T>(filled ? *filled : floats[first + i]);
  }
  std::vector<double> doubles() const {
    std::vector<double> values(is_integer ? 0 : size());
    read(0, std::span(values));
    return values;
  }
};

using ConstantPtr = std::shared_ptr<const Constant>;

}  // namespace lowbit::onnx_import
