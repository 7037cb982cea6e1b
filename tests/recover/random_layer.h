// SPDX-License-Identifier: Apache-2.0
// Layers of random weights with correlated inputs, and the plain sums that their losses are checked with.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/recover/output_error.h"
#include "support/random.h"

namespace lowbit::testing {

struct RandomLayer {
  std::int64_t rows = 0, columns = 0, samples = 0;
  std::vector<float> weights{};  ///< [rows][columns]
  std::vector<double> x{}, y{};  ///< [samples][columns], in the original network and in the quantized one

  MatrixView view() const { return {weights.data(), rows, columns}; }

  static std::vector<double> moment(const std::vector<double>& a, const std::vector<double>& b,
                                    std::int64_t samples, std::int64_t n) {
    std::vector<double> m(static_cast<std::size_t>(n * n));
    for (std::int64_t s = 0; s < samples; ++s)
      for (std::int64_t i = 0; i < n; ++i) {
        const double f = a[static_cast<std::size_t>(s * n + i)] / double(samples);
        for (std::int64_t j = 0; j < n; ++j)
          m[static_cast<std::size_t>(i * n + j)] += f * b[static_cast<std::size_t>(s * n + j)];
      }
    return m;
  }
  /// Of the inputs in the quantized network alone.
  OutputError alone() const { return {.columns = columns, .second_moment = moment(y, y, samples, columns)}; }
  OutputError with_cross() const {
    return {.columns = columns,
            .second_moment = moment(y, y, samples, columns),
            .cross_moment = moment(x, y, samples, columns),
            .original_moment = moment(x, x, samples, columns)};
  }
  /// The mean over the samples of (w u - q y)^2, summed over rows; u: x, or y where layers are alone.
  double error_of(const std::vector<float>& q, bool cross) const {
    double sum = 0;
    for (std::int64_t s = 0; s < samples; ++s)
      for (std::int64_t r = 0; r < rows; ++r) {
        double difference = 0;
        for (std::int64_t c = 0; c < columns; ++c) {
          const auto at = static_cast<std::size_t>(s * columns + c),
                     w = static_cast<std::size_t>(r * columns + c);
          difference += double(weights[w]) * (cross ? x[at] : y[at]) - double(q[w]) * y[at];
        }
        sum += difference * difference;
      }
    return sum / double(samples);
  }
};

/// `correlation`: how much of the inputs' variance comes from a few sources that all columns share.
inline RandomLayer random_layer(std::int64_t rows, std::int64_t columns, std::uint64_t seed,
                                double correlation = 0.8, std::int64_t samples = 0) {
  Random random(seed);
  RandomLayer layer{.rows = rows, .columns = columns, .samples = samples > 0 ? samples : 4 * columns + 20};
  for (std::int64_t i = 0; i < rows * columns; ++i) layer.weights.push_back(0.1f * random.gaussian());
  const std::int64_t sources = columns / 8 + 2;
  std::vector<double> mix, scale;
  for (std::int64_t i = 0; i < columns * sources; ++i)
    mix.push_back(double(random.gaussian()) * std::sqrt(correlation / double(sources)));
  for (std::int64_t i = 0; i < columns; ++i) scale.push_back(std::exp2(double(random.uniform())));
  for (std::int64_t s = 0; s < layer.samples; ++s) {
    std::vector<double> source;
    for (std::int64_t i = 0; i < sources; ++i) source.push_back(double(random.gaussian()));
    for (std::int64_t c = 0; c < columns; ++c) {
      double v = std::sqrt(1 - correlation) * double(random.gaussian());
      for (std::int64_t i = 0; i < sources; ++i)
        v += mix[static_cast<std::size_t>(c * sources + i)] * source[static_cast<std::size_t>(i)];
      layer.x.push_back(v * scale[static_cast<std::size_t>(c)]);
    }
  }
  // What quantizing earlier layers does: a little noise, and a little of the signal lost.
  for (const double v : layer.x) layer.y.push_back(0.95 * v + 0.1 * double(random.gaussian()));
  return layer;
}

inline std::vector<float> values_of(const QuantizedMatrix& q) {
  std::vector<float> out(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, MutableMatrixView(out.data(), q.rows, q.cols));
  return out;
}

inline void expect_same_matrix(const QuantizedMatrix& a, const QuantizedMatrix& b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.cols, b.cols);
  EXPECT_EQ(static_cast<int>(a.format), static_cast<int>(b.format));
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.granularity, b.granularity);
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.scales, b.scales);
  EXPECT_EQ(a.zero_points, b.zero_points);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.levels, b.levels);
  EXPECT_EQ(a.scale_bits, b.scale_bits);
}

}  // namespace lowbit::testing
