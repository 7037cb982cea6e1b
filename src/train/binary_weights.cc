// SPDX-License-Identifier: Apache-2.0
// Signs with the mean magnitude of their row: w' = mean|w| sign(w) (Rastegari et al., "XNOR-Net", ECCV 2016).
// The gradient is that of both factors, the derivative of the sign being 1 where |w| <= 1.
#include <cmath>

#include "lowbit/quant/given_codes.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {
namespace {

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

std::unique_ptr<WeightQuantizer> make_binary_weights(const WeightQuantizerSpec& spec) {
  return std::make_unique<BinaryWeights>(spec.weights.shape);
}

}  // namespace lowbit::train
