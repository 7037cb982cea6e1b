// SPDX-License-Identifier: Apache-2.0
#include "train/weight_quantizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/given_codes.h"

namespace lowbit::train {
namespace {

double square(double x) {
  return x * x;
}

/// The step with the least squared error, of 80 from a fraction of the largest weight on.
float best_step(std::span<const float> weights, float qmin, float qmax) {
  float most = 0;
  for (const float w : weights) most = std::max(most, std::fabs(w));
  if (!(most > 0) || std::isinf(most)) return 1.0f;
  float best = most;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 80; ++i) {
    const float step = most / std::max(qmax, -qmin) * static_cast<float>(i) / 64.0f, inverse = 1 / step;
    if (!std::isnormal(step) || !std::isnormal(inverse)) continue;
    double error = 0;
    for (const float w : weights)
      error +=
          square(static_cast<double>(w) - static_cast<double>(round_within(w * inverse, qmin, qmax) * step));
    if (error < least) least = error, best = step;
  }
  return best;
}

class UniformWeights final : public WeightQuantizer {
 public:
  UniformWeights(const Tensor& weights, int bits, IntRange codes, bool per_tensor, bool learns)
      : bits_(bits),
        qmin_(static_cast<float>(codes.qmin)),
        qmax_(static_cast<float>(codes.qmax)),
        rows_(weights.shape[0]),
        columns_(weights.shape.elements() / std::max<std::int64_t>(weights.shape[0], 1)),
        learns_(learns) {
    const std::int64_t steps = per_tensor ? 1 : rows_;
    size_ = static_cast<std::size_t>(per_tensor ? rows_ * columns_ : columns_);
    for (std::int64_t i = 0; i < steps; ++i) {
      const std::span<const float> own(weights.data.data() + static_cast<std::size_t>(i) * size_, size_);
      log_steps_.push_back(
          static_cast<float>(elementary::log(static_cast<double>(best_step(own, qmin_, qmax_)))));
    }
    gradient_.resize(log_steps_.size());
  }

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float step = step_of(i), inverse = 1 / step;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e)
        used[e] = round_within(weights[e] * inverse, qmin_, qmax_) * step;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    const double scale = 1 / std::sqrt(static_cast<double>(size_) * static_cast<double>(qmax_));
    for (std::size_t i = 0; i < log_steps_.size(); ++i) {
      const float step = step_of(i), inverse = 1 / step;
      double sum = 0;
      for (std::size_t e = i * size_; e < (i + 1) * size_; ++e) {
        const float at = weights[e] * inverse, code = round_within(at, qmin_, qmax_);
        const bool is_in = at >= qmin_ && at <= qmax_;
        sum += static_cast<double>(gradient[e]) * static_cast<double>(is_in ? code - at : code);
        gradient[e] = is_in ? gradient[e] : 0.0f;
      }
      gradient_[i] = static_cast<float>(scale * static_cast<double>(step) * sum);
    }
  }

  std::vector<Parameter> parameters(const std::string& layer) override {
    if (!learns_) return {};
    return {{layer + ".log_step", Shape{static_cast<std::int64_t>(log_steps_.size())},
             ParameterKind::log_step, log_steps_, gradient_}};
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::int8_t> made;
    std::vector<float> scales;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float step = step_of(log_steps_.size() == 1 ? 0 : static_cast<std::size_t>(r)),
                  inverse = 1 / step;
      scales.push_back(static_cast<float>(static_cast<double>(step) * factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.push_back(static_cast<std::int8_t>(
            round_within(weights[static_cast<std::size_t>(r * columns_ + c)] * inverse, qmin_, qmax_)));
    }
    const CodesView view(made.data(), rows_, columns_);
    if (qmin_ == -1.0f && qmax_ == 1.0f && bits_ == 2)
      return matrix_from_codes(TernaryCodes{.codes = view, .scales = scales});
    return matrix_from_codes(AffineCodes{.codes = view, .bits = bits_, .scales = scales});
  }

 private:
  float step_of(std::size_t i) const {
    return static_cast<float>(elementary::exp(static_cast<double>(log_steps_[i])));
  }

  const int bits_;
  const float qmin_, qmax_;
  const std::int64_t rows_, columns_;
  const bool learns_;
  std::size_t size_ = 0;  ///< weights of a step
  std::vector<float> log_steps_, gradient_;
};

class BinaryWeights final : public WeightQuantizer {
 public:
  explicit BinaryWeights(const Shape& weights)
      : rows_(weights[0]), columns_(weights.elements() / std::max<std::int64_t>(weights[0], 1)) {}

  void forward(std::span<const float> weights, std::span<float> used) noexcept override {
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float mean = mean_of(weights, r);
      for (std::size_t e = first(r); e < first(r + 1); ++e) used[e] = weights[e] < 0 ? -mean : mean;
    }
  }

  void backward(std::span<const float> weights, std::span<float> gradient) noexcept override {
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float mean = mean_of(weights, r);
      double sum = 0;  // gradient of the mean
      for (std::size_t e = first(r); e < first(r + 1); ++e)
        sum += static_cast<double>(weights[e] < 0 ? -gradient[e] : gradient[e]);
      const auto share = static_cast<float>(sum / static_cast<double>(columns_));
      for (std::size_t e = first(r); e < first(r + 1); ++e)
        gradient[e] =
            (std::fabs(weights[e]) <= 1 ? mean * gradient[e] : 0.0f) + (weights[e] < 0 ? -share : share);
    }
  }

  QuantizedMatrix codes(std::span<const float> weights, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override {
    std::vector<std::uint8_t> made;
    std::vector<float> scales;
    for (std::int64_t r = 0; r < rows_; ++r) {
      scales.push_back(static_cast<float>(static_cast<double>(mean_of(weights, r)) *
                                          factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.push_back(weights[first(r) + static_cast<std::size_t>(c)] < 0 ? 1 : 0);
    }
    return matrix_from_codes(SignCodes{.codes = {made.data(), rows_, columns_}, .scales = scales});
  }

 private:
  std::size_t first(std::int64_t row) const { return static_cast<std::size_t>(row * columns_); }
  /// Above 0: a scale of 0 is none.
  float mean_of(std::span<const float> weights, std::int64_t row) const {
    double sum = 0;
    for (std::size_t e = first(row); e < first(row + 1); ++e)
      sum += std::fabs(static_cast<double>(weights[e]));
    const auto mean = static_cast<float>(sum / static_cast<double>(columns_));
    return mean > 1e-30f ? mean : 1e-30f;
  }

  const std::int64_t rows_, columns_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_quantizer(const Scheme& scheme, const Tensor& weights,
                                                       bool learns_steps, const std::string& layer) {
  const bool per_tensor = scheme.granularity.kind == Granularity::Kind::tensor;
  const bool has_groups = scheme.granularity.kind == Granularity::Kind::group;
  if (!has_groups && scheme.mapping == Mapping::symmetric) {
    switch (scheme.weights) {
      case WeightKind::affine:
        return std::make_unique<UniformWeights>(weights, scheme.bits, signed_range(scheme.bits), per_tensor,
                                                learns_steps);
      case WeightKind::ternary:
        return std::make_unique<UniformWeights>(weights, 2, IntRange{-1, 1}, per_tensor, learns_steps);
      case WeightKind::binary:
        if (scheme.bits == 1 && !per_tensor) return std::make_unique<BinaryWeights>(weights.shape);
        break;
      default:
        break;
    }
  }
  throw Error(
      ErrorCode::unsupported,
      fmt::format("\"{}\" cannot be trained as {}: int2 to int8, ternary and binary can, with a scale for "
                  "each channel or, but for binary, for the tensor",
                  layer, format_scheme(scheme)));
}

std::vector<std::int64_t> column_order(const Shape& weight) {
  const std::int64_t taps = weight.rank() == 4 ? weight[2] * weight[3] : 1;
  std::vector<std::int64_t> order;
  for (std::int64_t t = 0; t < taps; ++t)
    for (std::int64_t c = 0; c < weight[1]; ++c) order.push_back(c * taps + t);
  return order;
}

}  // namespace lowbit::train
