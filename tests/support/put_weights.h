// SPDX-License-Identifier: Apache-2.0
// Layers with random weights, and layers with the floats that codes stand for: networks of tests.
#pragma once

#include <variant>

#include "lowbit/layers/ops.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/random.h"

namespace lowbit::testing {

/// Square window, stride 1, no padding; Gaussian weights, then biases.
inline ops::Conv2dOp random_conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups,
                                 Random& random) {
  ops::Conv2dOp c;
  c.weight = Tensor(Shape{out, in / groups, kernel, kernel});
  for (float& w : c.weight.data) w = random.gaussian();
  for (std::int64_t i = 0; i < out; ++i) c.bias.push_back(random.gaussian());
  c.window.kernel = {kernel, kernel};
  c.groups = groups;
  return c;
}

/// The inverse of weight_matrix(): dequantized weights become those of a Linear or Conv2d.
inline void put_weights(ops::Op& op, const QuantizedMatrix& weights) {
  Tensor m(Shape{weights.rows, weights.cols});
  dequantize(weights, MutableMatrixView(m.data.data(), weights.rows, weights.cols));
  if (auto* linear = std::get_if<ops::LinearOp>(&op)) linear->weight.data = m.data;
  auto* c = std::get_if<ops::Conv2dOp>(&op);
  if (c == nullptr) return;
  const std::int64_t channels = c->weight.shape[1], taps = weights.cols / channels;
  c->weight.data.resize(m.data.size());
  for (std::int64_t row = 0; row < weights.rows; ++row)
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t i = 0; i < channels; ++i)
        c->weight.data[static_cast<std::size_t>((row * channels + i) * taps + tap)] =
            m.data[static_cast<std::size_t>((row * taps + tap) * channels + i)];
}

}  // namespace lowbit::testing
