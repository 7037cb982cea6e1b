// SPDX-License-Identifier: Apache-2.0
// How close rounders come to the best of all roundings, which small layers allow to be found by trying all.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/recover/adaround.h"
#include "lowbit/recover/coordinate_descent.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/qronos.h"
#include "lowbit/recover/signround.h"
#include "recover/random_layer.h"
#include "support/effort.h"

namespace lowbit {
namespace {

using testing::random_layer;
using testing::RandomLayer;

/// The least loss of one row over all values of its grid, or over the two around each weight, by trying all.
class BestRounding {
 public:
  BestRounding(const RandomLayer& layer, const WeightGrid& grid, const OutputError& error, bool neighbours)
      : grid_(grid),
        error_(error),
        neighbours_(neighbours),
        n_(layer.columns),
        w_(layer.weights.begin(), layer.weights.end()) {
    q_.resize(static_cast<std::size_t>(n_));
    search(0);
  }
  double loss() const { return best_; }

 private:
  void search(std::int64_t c) {
    if (c == n_) {
      best_ = std::min(best_, loss_of());
      return;
    }
    for (const float v : grid_.values(0, c)) {
      if (neighbours_ && !is_neighbour(c, v)) continue;
      q_[static_cast<std::size_t>(c)] = double(v);
      search(c + 1);
    }
  }
  double loss_of() const {
    double sum = 0;
    for (std::size_t i = 0; i < q_.size(); ++i)
      for (std::size_t j = 0; j < q_.size(); ++j) {
        const std::size_t at = i * q_.size() + j;
        if (error_.cross_moment.empty())
          sum += (q_[i] - w_[i]) * error_.second_moment[at] * (q_[j] - w_[j]);
        else
          sum += q_[i] * error_.second_moment[at] * q_[j] - 2 * w_[i] * error_.cross_moment[at] * q_[j] +
                 w_[i] * error_.original_moment[at] * w_[j];
      }
    return sum;
  }

  const WeightGrid& grid_;
  // The next value below the weight or above it.
  bool is_neighbour(std::int64_t c, float v) const {
    const double w = w_[static_cast<std::size_t>(c)];
    const auto values = grid_.values(0, c);
    for (const float other : values)
      if (double(v) <= w ? v < other && double(other) <= w : other<v&& double(other)> w) return false;
    return true;
  }

  const OutputError& error_;
  bool neighbours_;
  std::int64_t n_;
  std::vector<double> w_, q_;
  double best_ = std::numeric_limits<double>::infinity();
};

struct SmallLayer {
  const char* scheme;
  std::int64_t columns;
};
constexpr SmallLayer kSmallLayers[] = {{"int3", 5}, {"int2", 8},    {"ternary", 8},
                                       {"int4", 4}, {"kmeans2", 7}, {"binary2", 7}};
constexpr std::uint64_t kCases = testing::kSlowdown > 1 ? 36 : 200;

/// The mean of `round`'s losses over that of the best ones.
template <class F>
double above_best(bool cross, double correlation, const F& round, bool neighbours = false) {
  double ours = 0, best = 0;
  for (std::uint64_t i = 0; i < kCases; ++i) {
    const SmallLayer shape = kSmallLayers[i % std::size(kSmallLayers)];
    const RandomLayer layer = random_layer(1, shape.columns, 1000 + i, correlation, 40);
    const std::vector<OutputError> errors{cross ? layer.with_cross() : layer.alone()};
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(shape.scheme)));
    const double least = BestRounding(layer, grid, errors[0], neighbours).loss();
    const double loss = round(layer.view(), grid, errors).report.loss_after;
    EXPECT_TRUE(neighbours || loss >= least * (1 - 1e-9)) << i;
    // Each case counts alike, whatever its weights are.
    const double unit = output_loss(layer.view(), grid.fitted(), errors);
    ours += loss / unit, best += least / unit;
  }
  return ours / best;
}

RoundingResult by_gptq(const MatrixView& w, const WeightGrid& grid, std::span<const OutputError> errors) {
  return gptq(w, grid, errors);
}
RoundingResult by_qronos(const MatrixView& w, const WeightGrid& grid, std::span<const OutputError> errors) {
  return qronos(w, grid, errors);
}
RoundingResult by_plain_qronos(const MatrixView& w, const WeightGrid& grid,
                               std::span<const OutputError> errors) {
  return qronos(w, grid, errors, {.descent_passes = 0});
}
RoundingResult by_adaround(const MatrixView& w, const WeightGrid& grid, std::span<const OutputError> errors) {
  return adaround(w, grid, errors, {.iterations = 300});
}
RoundingResult by_plain_adaround(const MatrixView& w, const WeightGrid& grid,
                                 std::span<const OutputError> errors) {
  return adaround(w, grid, errors, {.iterations = 300, .descent_passes = 0});
}
RoundingResult by_signround(const MatrixView& w, const WeightGrid& grid,
                            std::span<const OutputError> errors) {
  return signround(w, grid, errors, {.clip = false});
}
RoundingResult by_descent(const MatrixView& w, const WeightGrid& grid, std::span<const OutputError> errors) {
  return coordinate_descent(w, grid, errors, {.refit = false});
}
RoundingResult by_distance(const MatrixView& w, const WeightGrid& grid, std::span<const OutputError> errors) {
  return {.codes = grid.fitted(), .report = {.loss_after = output_loss(w, grid.fitted(), errors)}};
}

TEST(BestRounding, GptqComesWithin25Percent) {
  const double ratio = above_best(false, 0.8, by_gptq);
  RecordProperty("gptq", std::to_string(ratio));
  RecordProperty("nearest", std::to_string(above_best(false, 0.8, by_distance)));
  EXPECT_LT(ratio, 1.25);
}

TEST(BestRounding, QronosComesWithin10Percent) {
  for (const bool cross : {false, true}) {
    const double ratio = above_best(cross, 0.8, by_qronos);
    RecordProperty(cross ? "qronos_cross" : "qronos", std::to_string(ratio));
    RecordProperty(cross ? "published_cross" : "published",
                   std::to_string(above_best(cross, 0.8, by_plain_qronos)));
    EXPECT_LT(ratio, 1.10);
  }
}

TEST(BestRounding, AdaRoundComesWithin10Percent) {
  for (const bool cross : {false, true}) {
    const double ratio = above_best(cross, 0.8, by_adaround),
                 published = above_best(cross, 0.8, by_plain_adaround);
    RecordProperty(cross ? "adaround_cross" : "adaround", std::to_string(ratio));
    RecordProperty(cross ? "published_cross" : "published", std::to_string(published));
    // It chooses between two values for each weight, of which one is often not in the best rounding.
    RecordProperty(cross ? "of_neighbours_cross" : "of_neighbours",
                   std::to_string(above_best(cross, 0.8, by_plain_adaround, true)));
    EXPECT_LT(ratio, 1.10);
    EXPECT_LT(published, 1.20);
  }
}

TEST(BestRounding, SignRoundComesWithin20Percent) {
  for (const bool cross : {false, true}) {
    const double ratio = above_best(cross, 0.8, by_signround);
    RecordProperty(cross ? "signround_cross" : "signround", std::to_string(ratio));
    EXPECT_LT(ratio, 1.20);
  }
}

TEST(BestRounding, CoordinateDescentComesWithin5Percent) {
  for (const bool cross : {false, true}) EXPECT_LT(above_best(cross, 0.8, by_descent), 1.05);
}

}  // namespace
}  // namespace lowbit
