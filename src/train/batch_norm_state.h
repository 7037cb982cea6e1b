// SPDX-License-Identifier: Apache-2.0
// The batch normalization behind a convolution: y = gamma (x - mean) / sqrt(variance + epsilon) + beta for
// each channel. Ioffe, Szegedy, "Batch Normalization", ICML 2015. Variances are those of the numbers, not
// estimates of those of a larger population.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/group_sums.h"

namespace lowbit::train {

class BatchNormState {
 public:
  BatchNormState(std::int64_t channels, std::span<const float> bias, float epsilon, bool is_frozen);

  /// What the next pass multiplies by and adds: from the statistics of the batch, which is `count` numbers a
  /// channel with these sums and sums of squares, or of the stream.
  void use_batch(const GroupSums& sums, std::int64_t groups, double count);
  void use_stream();
  /// After use_batch(): gamma and beta so that nothing changes but by `bias`, and the stream's statistics.
  void adopt(std::span<const float> bias);
  /// Adds the batch's statistics to those of the stream.
  void remember();

  /// Gamma at least 2^-20: codes have no sign to give away.
  void keep_factors_positive();

  bool is_frozen() const { return is_frozen_; }
  std::span<const float> factor() const { return factor_; }  ///< gamma / deviation
  std::span<const float> term() const { return term_; }      ///< beta - mean factor

  /// Of sums [g, g x] over `count` pixels: the gradients of gamma and beta, and what the gradient of x is
  /// made from: x_gradient = factor g + slope x + constant.
  void backward(const GroupSums& sums, std::int64_t groups, double count);
  std::span<const float> slope() const { return slope_; }
  std::span<const float> constant() const { return constant_; }

  /// Of the folded layer: weights times this, and the bias. By the statistics of the stream.
  double folded_factor(std::int64_t channel) const;
  double folded_bias(std::int64_t channel) const;

  std::vector<float> gamma, beta, gamma_gradient, beta_gradient;
  std::vector<double> stream_mean, stream_variance;
  double momentum = 0.1;

 private:
  void use(const std::vector<double>& mean, const std::vector<double>& variance, bool of_batch);

  double epsilon_;
  bool is_frozen_, is_of_batch_ = false;
  std::vector<float> factor_, term_, slope_, constant_;
  std::vector<double> mean_, variance_, used_mean_, inverse_deviation_;
};

}  // namespace lowbit::train
