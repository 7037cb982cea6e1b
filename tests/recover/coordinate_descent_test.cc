// SPDX-License-Identifier: Apache-2.0
// Coordinate descent ends where no single code can be better, and never above where it began.
#include "lowbit/recover/coordinate_descent.h"
#include "lowbit/quant/make_quantizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/ternary.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/qronos.h"
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

double loss_of(const RandomLayer& layer, const QuantizedMatrix& q, const std::vector<OutputError>& errors) {
  return output_loss(layer.view(), q, errors);
}

/// Descent that begins at the grid's own codes and scales, nowhere else.
RoundingResult from_the_start_alone(const RandomLayer& layer, const WeightGrid& grid) {
  const std::vector<OutputError> errors{layer.alone()};
  return coordinate_descent(
      layer.view(), grid, errors,
      {.from_nearest = false, .from_gptq = false, .from_qronos = false, .scale_factors = {}});
}

TEST(CoordinateDescent, EndsWhereNoSingleCodeCanBeBetter) {
  const RandomLayer layer = random_layer(2, 24, 51);
  for (const bool cross : {false, true})
    for (const char* scheme : {"int4", "int2-g32", "ternary", "kmeans3", "nf4", "binary2", "mxfp4"}) {
      SCOPED_TRACE(scheme);
      const std::vector<OutputError> errors{cross ? layer.with_cross() : layer.alone()};
      const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
      const RoundingResult result =
          coordinate_descent(layer.view(), grid, errors, {.passes = 100, .refit = false});
      const WeightGrid chosen(result.codes, make_quantizer(parse_scheme(scheme)));
      const double least = loss_of(layer, result.codes, errors);
      EXPECT_NEAR(result.report.loss_after, least, 1e-10 * least);
      std::vector<int> choice(chosen.start().begin(), chosen.start().end());
      for (std::size_t i = 0; i < choice.size(); ++i) {
        const int kept = choice[i];
        const auto r = static_cast<std::int64_t>(i) / layer.columns,
                   c = static_cast<std::int64_t>(i) % layer.columns;
        for (int k = 0; k < static_cast<int>(chosen.values(r, c).size()); ++k) {
          choice[i] = k;
          EXPECT_GE(loss_of(layer, chosen.matrix(choice), errors), least * (1 - 1e-6));
        }
        choice[i] = kept;
      }
    }
}

// Every pass, every start and every fit can only help.
TEST(CoordinateDescent, NeverRises) {
  const RandomLayer layer = random_layer(6, 48, 52);
  const std::vector<OutputError> errors{layer.with_cross()};
  std::uint64_t index = 0;
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32() || s.bits == 8 || !testing::affords(index++)) continue;
    SCOPED_TRACE(format_scheme(s));
    const WeightGrid grid(layer.view(), make_quantizer(s));
    double before = output_loss(layer.view(), grid.fitted(), errors);
    for (const int passes : {1, 2, 4}) {
      const RoundingReport report =
          coordinate_descent(layer.view(), grid, errors,
                             {.passes = passes, .refit = false, .from_gptq = false, .from_qronos = false})
              .report;
      EXPECT_LE(report.loss_after, before * (1 + 1e-12));
      before = report.loss_after;
    }
    const RoundingResult best = coordinate_descent(layer.view(), grid, errors);
    EXPECT_LE(best.report.loss_after, before * (1 + 1e-12));
    EXPECT_NO_THROW(best.codes.validate());
    EXPECT_NEAR(best.report.loss_after, loss_of(layer, best.codes, errors), 1e-9 * best.report.loss_before);
    EXPECT_LE(best.report.loss_after, qronos(layer.view(), grid, errors).report.loss_after * (1 + 1e-9));
    EXPECT_LE(best.report.loss_after, gptq(layer.view(), grid, errors).report.loss_after * (1 + 1e-9));
  }
}

TEST(CoordinateDescent, StartsFromGivenCodes) {
  const RandomLayer layer = random_layer(3, 20, 53);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingResult best = coordinate_descent(layer.view(), grid, errors, {.refit = false});
  const WeightGrid of_best(best.codes, Affine<3>{});
  const RoundingResult again = coordinate_descent(layer.view(), grid, errors,
                                                  {.refit = false,
                                                   .from_nearest = false,
                                                   .from_gptq = false,
                                                   .from_qronos = false,
                                                   .from = of_best.start()});
  EXPECT_NEAR(again.report.loss_after, best.report.loss_after, 1e-12 * best.report.loss_after);
  expect_same_matrix(again.codes, best.codes);
}

// The scale in closed form: where codes are right but the scale is not, one fit finds it.
TEST(CoordinateDescent, FindsTheScale) {
  for (const auto kind : {per_channel(), per_tensor(), per_group(8)}) {
    RandomLayer layer = random_layer(4, 32, 54);
    const Affine<4> quantizer{.granularity = kind};
    const QuantizedMatrix exact = quantize(layer.view(), quantizer);
    layer.weights = values_of(exact);
    QuantizedMatrix wrong = exact;
    for (float& s : wrong.scales) s *= 1.0625f;
    const RoundingReport report = from_the_start_alone(layer, WeightGrid(wrong, quantizer)).report;
    EXPECT_GT(report.loss_before, 0);
    EXPECT_LT(report.loss_after, 1e-6 * report.loss_before);
  }
}

TEST(CoordinateDescent, FindsOffsetsTablesAndPlanes) {
  const AnyQuantizer quantizers[] = {
      Affine<3>{.mapping = Mapping::asymmetric_real},
      Affine<2>{.granularity = per_group(16), .mapping = Mapping::asymmetric_real},
      KMeans<2>{},
      KMeans<3>{.granularity = per_group(16)},
      KMeans<2>{.granularity = per_tensor()},
      Ttq{},
      Binary{.planes = 2},
      Binary{.granularity = per_tensor(), .planes = 2},
      Twn{}};
  for (const AnyQuantizer& quantizer : quantizers) {
    RandomLayer layer = random_layer(4, 64, 55);
    const QuantizedMatrix exact = quantize(layer.view(), quantizer);
    layer.weights = values_of(exact);
    QuantizedMatrix wrong = exact;
    // Not in proportion: each parameter must be found by itself.
    float change = 0.05f;
    for (float& v : wrong.levels) v += (change = -change) * 0.1f;
    if (wrong.levels.empty())
      for (float& v : wrong.scales) v *= 1.0f + 0.05f;
    for (float& v : wrong.offsets) v += 0.01f;
    if (wrong.levels.size() > 0)
      wrong.levels = exact.levels, wrong.levels[0] *= 1.1f, wrong.levels[1] *= 0.95f;
    const RoundingReport report = from_the_start_alone(layer, WeightGrid(wrong, quantizer)).report;
    EXPECT_GT(report.loss_before, 0);
    // Scales of groups are fp16: what is left is their rounding.
    EXPECT_LT(report.loss_after, 1e-4 * report.loss_before);
  }
}

TEST(CoordinateDescent, ScalesOfGroupsStayHalfPrecision) {
  const RandomLayer layer = random_layer(5, 96, 56);
  const std::vector<OutputError> errors{layer.alone()};
  for (const Mapping mapping : {Mapping::symmetric, Mapping::asymmetric, Mapping::asymmetric_real}) {
    const AnyQuantizer quantizer = Affine<2>{.granularity = per_group(32), .mapping = mapping};
    const RoundingResult result =
        coordinate_descent(layer.view(), WeightGrid(layer.view(), quantizer), errors);
    EXPECT_NE(result.codes.scales, quantize(layer.view(), quantizer).scales);
    for (const float s : result.codes.scales) EXPECT_TRUE(detail::is_half(s));
    for (const float o : result.codes.offsets)
      EXPECT_TRUE(std::fabs(o) < 0x1p-14f || detail::is_half(std::fabs(o)));
  }
}

TEST(CoordinateDescent, ScalesOfFewBitsAreKept) {
  const RandomLayer layer = random_layer(3, 64, 57);
  const std::vector<OutputError> errors{layer.alone()};
  for (const char* scheme : {"mxfp4", "nvfp4"}) {
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult result = coordinate_descent(layer.view(), grid, errors);
    EXPECT_EQ(result.codes.scales, grid.fitted().scales);
    EXPECT_LT(result.report.loss_after, result.report.loss_before);
  }
}

TEST(CoordinateDescent, ThreadsDoNotMatter) {
  const RandomLayer layer = random_layer(23, 40, 58);
  const std::vector<OutputError> errors{layer.with_cross()};
  std::uint64_t index = 0;
  for (const char* scheme :
       {"int2", "int3-tensor", "kmeans3", "kmeans2-g32", "ternary-g32", "binary2", "int3-asym"}) {
    if (!testing::affords(index++)) continue;
    SCOPED_TRACE(scheme);
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult one = coordinate_descent(layer.view(), grid, errors);
    const RoundingResult four = coordinate_descent(layer.view(), grid, errors, {.threads = 4});
    expect_same_matrix(one.codes, four.codes);
    EXPECT_EQ(one.report.loss_after, four.report.loss_after);
  }
}

TEST(CoordinateDescent, DepthwiseAndSingular) {
  std::vector<OutputError> errors;
  RandomLayer whole{.rows = 8, .columns = 9};
  for (std::uint64_t g = 0; g < 8; ++g) {
    RandomLayer one = random_layer(1, 9, 60 + g, 0.9, 5);  // 5 samples of 9 columns
    whole.weights.insert(whole.weights.end(), one.weights.begin(), one.weights.end());
    for (std::int64_t s = 0; s < one.samples; ++s) one.y[static_cast<std::size_t>(s * 9 + 2)] = 0;
    errors.push_back(one.with_cross());
  }
  for (const char* scheme : {"int3", "int2-tensor", "ternary", "kmeans2"}) {
    const WeightGrid grid(whole.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult result = coordinate_descent(whole.view(), grid, errors, {.threads = 2});
    EXPECT_LT(result.report.loss_after, result.report.loss_before);
    EXPECT_NEAR(result.report.loss_after, output_loss(whole.view(), result.codes, errors),
                1e-9 * result.report.loss_before);
  }
}

// What it is for: few bits, where scales that hold the largest weight are too large.
TEST(CoordinateDescent, IsWorthMostAtFewBits) {
  const RandomLayer layer = random_layer(24, 96, 59);
  const std::vector<OutputError> errors{layer.alone()};
  for (const char* scheme : {"int2", "int2-g32", "ternary", "int3"}) {
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const double of_gptq = gptq(layer.view(), grid, errors).report.loss_after;
    const RoundingReport report = coordinate_descent(layer.view(), grid, errors, {.threads = 2}).report;
    RecordProperty(scheme, std::to_string(report.loss_after / of_gptq));
    EXPECT_LT(report.loss_after, 0.85 * of_gptq) << scheme;
  }
}

TEST(CoordinateDescent, RefusesWhatCannotBe) {
  const RandomLayer layer = random_layer(3, 8, 61);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const auto refusal = [&](const CoordinateDescentOptions& options, ErrorCode code) {
    return error_of([&] { static_cast<void>(coordinate_descent(layer.view(), grid, errors, options)); },
                    code);
  };
  EXPECT_TRUE(says(refusal({.kept = 0}, ErrorCode::invalid_argument), {"at least one", "0"}));
  EXPECT_TRUE(says(refusal({.scale_factors = {0.5f, -1.0f}}, ErrorCode::invalid_argument), {"-1", "factor"}));
  const std::vector<int> few(5);
  EXPECT_TRUE(says(refusal({.from = few}, ErrorCode::shape_mismatch), {"5", "3x8"}));
}

}  // namespace
}  // namespace lowbit
