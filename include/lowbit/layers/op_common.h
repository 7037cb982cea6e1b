// SPDX-License-Identifier: Apache-2.0
// Pieces that the operator structs share.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/shape.h"
#include "lowbit/core/tensor.h"
#include "lowbit/layers/step.h"

namespace lowbit::ops {

/// What an operator does with u8 values.
enum class Arithmetic : std::uint8_t {
  integer,   ///< computes on codes, its output has its own qparams (Conv2d, Add, AveragePool)
  movement,  ///< moves codes; output qparams equal the input's (MaxPool, Slice, Flatten)
  real,      ///< f32 only (Softmax)
};

/// A fused ReLU or Clip: values are limited to [lo, hi], comparing so that NaN passes through.
struct Activation {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();

  bool is_identity() const { return *this == Activation{}; }
  friend bool operator==(const Activation&, const Activation&) = default;
};

/// A 2-d window: kernel, stride, dilation as {height, width}; pad as {top, left, bottom, right}.
struct Window {
  std::array<std::int64_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> pad{0, 0, 0, 0};

  friend bool operator==(const Window&, const Window&) = default;
  /// Output {height, width}; throws Error(shape_mismatch) naming `what` when the window does not fit.
  std::array<std::int64_t, 2> output_size(std::int64_t height, std::int64_t width, bool ceil_mode,
                                          std::string_view what) const;
};

/// Throws Error(shape_mismatch) unless `inputs` has `count` shapes.
void require_inputs(std::span<const Shape> inputs, std::size_t count, std::string_view what);

}  // namespace lowbit::ops
