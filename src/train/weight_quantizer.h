// SPDX-License-Identifier: Apache-2.0
// WeightQuantizer: what a layer multiplies by in place of its weights while it is trained for codes, and how
// gradients pass. Each kind has a file of its own and a row of the table in weight_quantizer.cc:
//
//   uniform_weights.cc       integers, -1 0 1: a learned step (LSQ)
//   dorefa_weights.cc        the same codes, of tanh(w)
//   binary_weights.cc        signs with the mean magnitude of a row (XNOR-Net)
//   ttq_weights.cc           0 and a learned level for each sign (TTQ)
//   learned_levels.cc        tables that are learned (k-means, quantiles at the beginning)
//   scaled_table_weights.cc  tables that stay, with a learned scale: additive powers of two and others
//
// Gradients of steps, scales and levels are scaled by 1 / sqrt(n qmax): n the weights that share one, qmax
// the largest code, 1 for levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/core/tensor.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/train/fake_quantization.h"
#include "lowbit/train/tape.h"

namespace lowbit::train {

/// What the weights of a layer are to become.
struct WeightQuantizerSpec {
  const Scheme& scheme;
  const Tensor& weights;  ///< rows are output channels
  const FakeQuantization& how;

  bool per_tensor() const { return scheme.granularity.kind == Granularity::Kind::tensor; }
  /// Integer kernels round the levels of tables.
  bool meets_integers() const { return scheme.activation_bits > 1; }
  std::int64_t rows() const { return weights.shape[0]; }
  std::int64_t columns() const { return weights.shape.elements() / (rows() > 0 ? rows() : 1); }
  float scaling() const {
    return how.rounding == RoundingGradient::ewgs ? static_cast<float>(how.ewgs_scaling) : 0.0f;
  }
};

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

  /// Whether weights are a step times a code: then find_codes() and step_at() say which.
  virtual bool has_steps() const { return false; }
  virtual void find_codes(std::span<const float>, std::span<float>) const noexcept {}
  virtual float step_at(std::size_t) const noexcept { return 1.0f; }
};

/// Steps and scales begin where the squared error of the weights is least, levels as the scheme's quantizer
/// has them. Throws Error(unsupported) for a scheme that cannot be trained, naming the layer.
std::unique_ptr<WeightQuantizer> make_weight_quantizer(const WeightQuantizerSpec& spec,
                                                       const std::string& layer);

/// Which make_weight_quantizer() chooses from.
std::unique_ptr<WeightQuantizer> make_uniform_weights(const WeightQuantizerSpec& spec);
std::unique_ptr<WeightQuantizer> make_dorefa_weights(const WeightQuantizerSpec& spec);
std::unique_ptr<WeightQuantizer> make_binary_weights(const WeightQuantizerSpec& spec);
std::unique_ptr<WeightQuantizer> make_ttq_weights(const WeightQuantizerSpec& spec);
std::unique_ptr<WeightQuantizer> make_learned_levels(const WeightQuantizerSpec& spec);
std::unique_ptr<WeightQuantizer> make_scaled_table_weights(const WeightQuantizerSpec& spec);

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
