// SPDX-License-Identifier: Apache-2.0
// WeightQuantizer: what a layer multiplies by in place of its weights while it is trained for codes, and how
// gradients pass (straight through the rounding).
//
//   uniform, ternary  w' = step clamp(rint(w / step), qmin, qmax), with a step for each row or for all; its
//                     logarithm is learned (Esser et al., "Learned Step Size Quantization", ICLR 2020): the
//                     gradient is that of step times step, scaled by 1 / sqrt(n qmax), n the weights of a
//                     step
//   binary            w' = mean|w| sign(w) for each row (Rastegari et al., "XNOR-Net", ECCV 2016); signs pass
//                     gradients where |w| <= 1
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/core/tensor.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/train/tape.h"

namespace lowbit::train {

class WeightQuantizer {
 public:
  virtual ~WeightQuantizer() = default;
  /// What is trained may be something else than weights: then that takes their place.
  virtual void start(std::span<float>) noexcept {}
  /// Fills `used`.
  virtual void forward(std::span<const float> weights, std::span<float> used) noexcept = 0;
  /// Turns the gradient of what was used into that of the weights, and finds those of its own parameters.
  virtual void backward(std::span<const float> weights, std::span<float> gradient) noexcept = 0;
  virtual std::vector<Parameter> parameters(const std::string&) { return {}; }
  /// What forward() gives, as codes: rows times positive factors, columns in the order `column(i)`.
  virtual QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                                std::span<const std::int64_t> columns) const = 0;
};

/// Steps begin where the squared error of the weights is least. Throws Error(unsupported) for a scheme that
/// cannot be trained, naming the layer.
std::unique_ptr<WeightQuantizer> make_weight_quantizer(const Scheme& scheme, const Tensor& weights,
                                                       bool learns_steps, const std::string& layer);

/// Rows of a weight in the order of its elements ([in][height][width] of a convolution) against the order
/// (height, width, in) of the columns of codes: which element each column is.
std::vector<std::int64_t> column_order(const Shape& weight);

/// x limited to [lo, hi] and rounded to the nearest integer, to even in the middle; both limits are integers
/// below 2^22.
inline float round_within(float x, float lo, float hi) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  x = x < lo ? lo : x;
  x = x > hi ? hi : x;
  return (x + kMagic) - kMagic;
}

}  // namespace lowbit::train
