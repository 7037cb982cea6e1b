// SPDX-License-Identifier: Apache-2.0
// Steps of weights, one for each row or one for all, which are trained as their logarithms: what the ways of
// learning weights have in common that are a step times something.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/elementary.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {

/// 0 for weights that no step suits: all zero, or infinite.
inline float largest_magnitude(std::span<const float> weights) {
  float most = 0;
  for (const float w : weights) most = std::max(most, std::fabs(w));
  return std::isinf(most) ? 0.0f : most;
}

/// The step with the least squared error, of 80 from whole / 64 on; rounded(x) is what x = w / step becomes.
template <class Rounded>
std::optional<float> best_step(std::span<const float> weights, float whole, Rounded rounded) {
  std::optional<float> best;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 80; ++i) {
    const float step = whole * static_cast<float>(i) / 64.0f, inverse = 1 / step;
    if (!std::isnormal(step) || !std::isnormal(inverse)) continue;
    double error = 0;
    for (const float w : weights) {
      const double d = static_cast<double>(w) - static_cast<double>(rounded(w * inverse) * step);
      error += d * d;
    }
    if (error < least) least = error, best = step;
  }
  return best;
}

class RowSteps {
 public:
  explicit RowSteps(const WeightQuantizerSpec& spec)
      : rows_(spec.rows()),
        columns_(spec.columns()),
        size_(static_cast<std::size_t>(spec.per_tensor() ? rows_ * columns_ : columns_)),
        logs_(spec.weights.data.size() / std::max<std::size_t>(size_, 1)),
        gradient_(logs_.size()) {}

  std::size_t count() const { return logs_.size(); }
  std::size_t size() const { return size_; }  ///< weights of one
  float operator[](std::size_t i) const {
    return static_cast<float>(elementary::exp(static_cast<double>(logs_[i])));
  }
  void set(std::size_t i, double step) { logs_[i] = static_cast<float>(elementary::log(step)); }
  void set_gradient(std::size_t i, double gradient) { gradient_[i] = static_cast<float>(gradient); }
  /// The weights that have step `i`.
  template <class T>
  std::span<T> part(std::span<T> weights, std::size_t i) const {
    return weights.subspan(i * size_, size_);
  }

  std::vector<Parameter> parameters(const std::string& layer) {
    return {{layer + ".log_step", Shape{static_cast<std::int64_t>(logs_.size())}, ParameterKind::log_step,
             logs_, gradient_}};
  }

  template <class Code>
  struct Codes {
    std::vector<Code> codes;  ///< rows in the order of the columns
    std::vector<float> scales;
  };
  /// As WeightQuantizer::codes(), of code_at(element, 1 / step).
  template <class Code, class CodeAt>
  Codes<Code> codes(std::span<const double> factors, std::span<const std::int64_t> columns,
                    CodeAt code_at) const {
    Codes<Code> made;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float step = (*this)[count() == 1 ? 0 : static_cast<std::size_t>(r)], inverse = 1 / step;
      made.scales.push_back(
          static_cast<float>(static_cast<double>(step) * factors[static_cast<std::size_t>(r)]));
      for (const std::int64_t c : columns)
        made.codes.push_back(static_cast<Code>(code_at(static_cast<std::size_t>(r * columns_ + c), inverse)));
    }
    return made;
  }
  template <class Code>
  CodesView view(const Codes<Code>& made) const {
    return {made.codes.data(), rows_, columns_};
  }

 private:
  std::int64_t rows_, columns_;
  std::size_t size_;
  std::vector<float> logs_, gradient_;
};

}  // namespace lowbit::train
