// SPDX-License-Identifier: Apache-2.0
// AdaRound, SignRound and HQQ: never worse than where they begin, in any scheme, and what they find in layers
// whose answer is known.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/recover/adaround.h"
#include "lowbit/recover/hqq.h"
#include "lowbit/recover/signround.h"
#include "recover/random_layer.h"
#include "support/effort.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::expect_same_matrix;
using testing::random_layer;
using testing::RandomLayer;
using testing::says;
using testing::values_of;

constexpr const char* kLearnedSchemes[] = {
    "int4",    "int3-g32", "int2",    "int4-asym", "int3-asymf-g32-wo", "kmeans3",     "nf4",  "log4",
    "ternary", "ttq",      "binary2", "mxfp4",     "kmeans2-g32",       "int3-tensor", "nvfp4"};

void expect_never_worse(const RandomLayer& layer, const std::vector<OutputError>& errors,
                        const RoundingResult& result, const WeightGrid& grid) {
  EXPECT_NO_THROW(result.codes.validate());
  const auto q = values_of(result.codes), nearest = values_of(grid.fitted());
  const std::vector<double> after =
      output_losses(layer.view(), {q.data(), layer.rows, layer.columns}, errors);
  const std::vector<double> before =
      output_losses(layer.view(), {nearest.data(), layer.rows, layer.columns}, errors);
  double sum = 0;
  for (std::size_t r = 0; r < after.size(); ++r) {
    EXPECT_LE(after[r], before[r] * (1 + 1e-9)) << r;
    sum += after[r];
  }
  EXPECT_NEAR(result.report.loss_after, sum, 1e-9 * result.report.loss_before);
}

TEST(AdaRound, IsNeverWorseThanNearestAndMostlyBetter) {
  const RandomLayer layer = random_layer(11, 32, 71);
  for (const bool cross : {false, true})
    for (const char* scheme : kLearnedSchemes) {
      SCOPED_TRACE(scheme);
      const std::vector<OutputError> errors{cross ? layer.with_cross() : layer.alone()};
      const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
      const RoundingResult result =
          adaround(layer.view(), grid, errors, {.iterations = 300, .descent_passes = 0, .threads = 2});
      expect_never_worse(layer, errors, result, grid);
      EXPECT_LT(result.report.loss_after, 0.9 * result.report.loss_before);
      expect_same_matrix(
          result.codes, adaround(layer.view(), grid, errors, {.iterations = 300, .descent_passes = 0}).codes);
    }
}

// Codes are those below or above the weights.
TEST(AdaRound, ChoosesBetweenNeighbours) {
  const RandomLayer layer = random_layer(4, 24, 72);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<4>{});
  const std::vector<float> q =
      values_of(adaround(layer.view(), grid, errors, {.iterations = 200, .descent_passes = 0}).codes);
  for (std::size_t i = 0; i < q.size(); ++i) {
    const auto r = static_cast<std::int64_t>(i) / 24;
    EXPECT_LE(std::fabs(q[i] - layer.weights[i]), grid.fitted().scales[static_cast<std::size_t>(r)]);
  }
}

// What learning did not improve stays, and is reported: here nearest is the best rounding.
TEST(AdaRound, KeepsNearestWhereThatIsBest) {
  const RandomLayer layer = random_layer(5, 12, 73);
  OutputError independent{.columns = 12, .second_moment = std::vector<double>(144)};
  for (std::size_t i = 0; i < 12; ++i) independent.second_moment[i * 13] = 1.0 + double(i);
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingResult result = adaround(layer.view(), grid, {&independent, 1});
  expect_same_matrix(result.codes, grid.fitted());
  EXPECT_TRUE(says(result.report.note, {"5 of 5 rows kept the nearest codes"}));
}

TEST(AdaRound, GroupsDepthwiseAndSingular) {
  std::vector<OutputError> errors;
  RandomLayer whole{.rows = 12, .columns = 9};
  for (std::uint64_t g = 0; g < 12; ++g) {
    RandomLayer one = random_layer(1, 9, 80 + g, 0.9, 5);
    whole.weights.insert(whole.weights.end(), one.weights.begin(), one.weights.end());
    for (std::int64_t s = 0; s < one.samples; ++s) one.y[static_cast<std::size_t>(s * 9 + 2)] = 0;
    errors.push_back(one.with_cross());
  }
  for (const char* scheme : {"int3", "int2-tensor", "ternary"}) {
    SCOPED_TRACE(scheme);
    const WeightGrid grid(whole.view(), make_quantizer(parse_scheme(scheme)));
    expect_never_worse(whole, errors, adaround(whole.view(), grid, errors, {.iterations = 200}), grid);
    expect_never_worse(whole, errors, signround(whole.view(), grid, errors), grid);
  }
}

TEST(SignRound, IsNeverWorseThanNearestAndMostlyBetter) {
  const RandomLayer layer = random_layer(7, 32, 74);
  std::uint64_t index = 0;
  for (const bool cross : {false, true})
    for (const char* scheme : kLearnedSchemes) {
      if (!testing::affords(index++)) continue;
      SCOPED_TRACE(scheme);
      const std::vector<OutputError> errors{cross ? layer.with_cross() : layer.alone()};
      const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
      const RoundingResult result = signround(layer.view(), grid, errors, {.threads = 2});
      expect_never_worse(layer, errors, result, grid);
      EXPECT_LT(result.report.loss_after, 0.9 * result.report.loss_before);
      expect_same_matrix(result.codes, signround(layer.view(), grid, errors).codes);
    }
}

// The factor of a scale that holds the largest weight, at few bits.
TEST(SignRound, ClipsScales) {
  const RandomLayer layer = random_layer(16, 64, 75);
  const std::vector<OutputError> errors{layer.alone()};
  for (const char* scheme : {"int2", "int2-g32"}) {
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult with = signround(layer.view(), grid, errors);
    const RoundingResult without = signround(layer.view(), grid, errors, {.clip = false});
    EXPECT_LT(with.report.loss_after, 0.9 * without.report.loss_after) << scheme;
    EXPECT_EQ(without.codes.scales, grid.fitted().scales);
    for (std::size_t i = 0; i < with.codes.scales.size(); ++i) {
      EXPECT_LE(with.codes.scales[i], grid.fitted().scales[i]);
      EXPECT_GE(with.codes.scales[i], 0.29f * grid.fitted().scales[i]);
    }
  }
}

double sum_of_powers(const RandomLayer& layer, const QuantizedMatrix& q, double p) {
  const std::vector<float> values = values_of(q);
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += std::pow(std::fabs(double(layer.weights[i]) - double(values[i])), p);
  return sum;
}

TEST(Hqq, LowersItsOwnNormInEveryScheme) {
  RandomLayer layer = random_layer(9, 128, 76);
  for (std::size_t i = 0; i < layer.weights.size(); i += 37) layer.weights[i] *= 4;  // outliers
  for (const char* scheme : kLearnedSchemes) {
    SCOPED_TRACE(scheme);
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult result = hqq(layer.view(), grid);
    EXPECT_NO_THROW(result.codes.validate());
    EXPECT_NEAR(result.report.loss_before, sum_of_powers(layer, grid.fitted(), 0.7),
                1e-9 * result.report.loss_before);
    EXPECT_NEAR(result.report.loss_after, sum_of_powers(layer, result.codes, 0.7),
                1e-9 * result.report.loss_before);
    EXPECT_LE(result.report.loss_after, result.report.loss_before);
    expect_same_matrix(result.codes, hqq(layer.view(), grid, {.threads = 3}).codes);
  }
  // What it is for: real offsets of groups.
  const WeightGrid grid(layer.view(),
                        Affine<3>{.granularity = per_group(64), .mapping = Mapping::asymmetric_real});
  const RoundingReport report = hqq(layer.view(), grid).report;
  EXPECT_LT(report.loss_after, 0.97 * report.loss_before);
}

// Most weights on a grid, and a few that are far off: the offset of the many is found, where the least
// squares of all of them would miss it.
TEST(Hqq, IsNotMovedByOutliers) {
  RandomLayer layer{.rows = 1, .columns = 64};
  testing::Random random(9);
  for (int i = 0; i < 64; ++i) layer.weights.push_back(static_cast<float>(random.integer(0, 7)) * 0.125f + 1);
  layer.weights[0] = 1, layer.weights[1] = 1.875f;
  const Affine<3> quantizer{.mapping = Mapping::asymmetric_real};
  QuantizedMatrix q = quantize(layer.view(), quantizer);
  ASSERT_EQ(q.offsets.size(), 1u);
  q.offsets[0] += 0.03f;
  for (const std::size_t i : {5u, 20u, 33u}) layer.weights[i] += 0.06f;
  const QuantizedMatrix found = hqq(layer.view(), WeightGrid(q, quantizer)).codes;
  EXPECT_LT(sum_of_powers(layer, found, 0.7), 0.5 * sum_of_powers(layer, q, 0.7));
}

TEST(LearnedRounding, RefusesWhatCannotBe) {
  RandomLayer layer = random_layer(3, 8, 77);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RandomLayer other = random_layer(2, 8, 78);
  EXPECT_TRUE(
      says(error_of([&] { static_cast<void>(adaround(layer.view(), grid, errors, {.iterations = 0})); },
                    ErrorCode::invalid_argument),
           {"adaround", "at least one iteration", "0"}));
  EXPECT_TRUE(
      says(error_of([&] { static_cast<void>(signround(layer.view(), grid, errors, {.least_factor = 2})); },
                    ErrorCode::invalid_argument),
           {"signround", "2"}));
  EXPECT_TRUE(says(
      error_of([&] { static_cast<void>(hqq(layer.view(), grid, {.p = 1.5})); }, ErrorCode::invalid_argument),
      {"hqq", "1.5"}));
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(hqq(other.view(), grid)); }, ErrorCode::shape_mismatch),
                   {"3x8", "2x8"}));
  layer.weights[9] = std::nanf("");
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(hqq(layer.view(), grid)); }, ErrorCode::invalid_argument),
                   {"weight (1, 1)", "nan"}));
}

}  // namespace
}  // namespace lowbit
