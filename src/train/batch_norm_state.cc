// SPDX-License-Identifier: Apache-2.0
#include "train/batch_norm_state.h"

#include <cmath>

namespace lowbit::train {

BatchNormState::BatchNormState(std::int64_t channels, std::span<const float> bias, float epsilon,
                               bool is_frozen)
    : epsilon_(static_cast<double>(epsilon)), is_frozen_(is_frozen) {
  const auto n = static_cast<std::size_t>(channels);
  gamma.assign(n, 1.0f);
  beta.assign(bias.begin(), bias.end());
  beta.resize(n, 0.0f);
  for (std::vector<float>* v : {&gamma_gradient, &beta_gradient, &factor_, &term_, &slope_, &constant_})
    v->resize(n);
  for (std::vector<double>* v : {&stream_mean, &mean_, &variance_, &used_mean_, &inverse_deviation_})
    v->resize(n);
  // With a variance of 1 - epsilon the layer does what it does without.
  stream_variance.assign(n, 1.0 - epsilon_);
}

void BatchNormState::use(const std::vector<double>& mean, const std::vector<double>& variance,
                         bool of_batch) {
  is_of_batch_ = of_batch;
  used_mean_ = mean;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    inverse_deviation_[c] = 1 / std::sqrt(variance[c] + epsilon_);
    const double factor = static_cast<double>(gamma[c]) * inverse_deviation_[c];
    factor_[c] = static_cast<float>(factor);
    term_[c] = static_cast<float>(static_cast<double>(beta[c]) - mean[c] * factor);
  }
}

void BatchNormState::use_batch(const GroupSums& sums, std::int64_t groups, double count) {
  const auto channels = static_cast<std::int64_t>(gamma.size());
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto i = static_cast<std::size_t>(c);
    mean_[i] = sums.total(groups, c) / count;
    const double variance = sums.total(groups, channels + c) / count - mean_[i] * mean_[i];
    variance_[i] = variance > 0 ? variance : 0;
  }
  use(mean_, variance_, true);
}

void BatchNormState::keep_factors_positive() {
  for (float& g : gamma) g = g > 0x1p-20f ? g : 0x1p-20f;
}

void BatchNormState::use_stream() {
  use(stream_mean, stream_variance, false);
}

void BatchNormState::adopt(std::span<const float> bias) {
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    gamma[c] = static_cast<float>(std::sqrt(variance_[c] + epsilon_));
    beta[c] = static_cast<float>(mean_[c] + (bias.empty() ? 0.0 : static_cast<double>(bias[c])));
  }
  stream_mean = mean_;
  stream_variance = variance_;
  use_stream();
}

void BatchNormState::remember() {
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    stream_mean[c] += momentum * (mean_[c] - stream_mean[c]);
    stream_variance[c] += momentum * (variance_[c] - stream_variance[c]);
  }
}

void BatchNormState::backward(const GroupSums& sums, std::int64_t groups, double count) {
  const auto channels = static_cast<std::int64_t>(gamma.size());
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto i = static_cast<std::size_t>(c);
    const double sum = sums.total(groups, c), inverse = inverse_deviation_[i];
    const double dot =
        (sums.total(groups, channels + c) - used_mean_[i] * sum) * inverse;  // with (x - mean) / deviation
    gamma_gradient[i] = static_cast<float>(dot);
    beta_gradient[i] = static_cast<float>(sum);
    // factor (g - sum / count - normalized dot / count), sorted by powers of x.
    const double factor = static_cast<double>(factor_[i]);
    const double slope = is_of_batch_ ? -factor * dot / count * inverse : 0;
    slope_[i] = static_cast<float>(slope);
    constant_[i] = is_of_batch_ ? static_cast<float>(-factor * sum / count - slope * used_mean_[i]) : 0.0f;
  }
}

double BatchNormState::folded_factor(std::int64_t channel) const {
  const auto c = static_cast<std::size_t>(channel);
  return static_cast<double>(gamma[c]) / std::sqrt(stream_variance[c] + epsilon_);
}

double BatchNormState::folded_bias(std::int64_t channel) const {
  const auto c = static_cast<std::size_t>(channel);
  return static_cast<double>(beta[c]) - stream_mean[c] * folded_factor(channel);
}

}  // namespace lowbit::train
