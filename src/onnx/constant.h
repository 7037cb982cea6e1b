// Constant: a tensor of an ONNX file whose elements are known while it is imported: an initializer, the
// result of a Constant node, or arithmetic on shapes.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace lowbit::onnx_import {

/// Stands for the batch dimension in the result of Shape; the batch is not part of a graph.
inline constexpr std::int64_t kBatchDim = std::numeric_limits<std::int64_t>::min();

/// Either floats or integers, row-major; the other vector is empty.
struct Constant {
  std::vector<std::int64_t> dims;  ///< empty for a scalar
  bool is_integer = false;
  std::vector<double> floats;
  std::vector<std::int64_t> integers;

  std::size_t size() const { return is_integer ? integers.size() : floats.size(); }
};

using ConstantPtr = std::shared_ptr<const Constant>;

}  // namespace lowbit::onnx_import
