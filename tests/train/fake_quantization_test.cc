// SPDX-License-Identifier: Apache-2.0
// What learns where codes lie: every gradient is its formula, and codes are what the forward pass gave.
#include "lowbit/train/fake_quantization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "finite_differences.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/effective.h"
#include "support/error_of.h"
#include "train/activation_rule.h"
#include "train/weight_quantizer.h"

namespace lowbit::testing {
namespace {

using train::RoundSums;

constexpr QParams kBegin{0.25f, 3};
constexpr RoundSums kSums{0.5, -2, 7};
constexpr double kScale = 0.125;

std::vector<Parameter> after_backward(train::ActivationRule& rule) {
  rule.backward(kSums, kScale);
  return rule.parameters("x");
}

std::unique_ptr<train::ActivationRule> rule_of(ActivationSteps steps) {
  return train::make_activation_rule({.activations = steps, .range_part = 0.25}, kBegin, unsigned_range(4));
}

TEST(ActivationRules, BeginWithTheGivenRange) {
  for (const std::string& name : activation_steps_names()) {
    const QParams q = rule_of(parse_activation_steps(name))->qparams();
    EXPECT_NEAR(q.scale, kBegin.scale, 1e-6f) << name;
    EXPECT_EQ(q.zero_point, kBegin.zero_point) << name;
  }
}

TEST(ActivationRules, LsqLearnsTheStep) {
  const auto rule = rule_of(ActivationSteps::lsq);
  const std::vector<Parameter> p = after_backward(*rule);
  ASSERT_EQ(p.size(), 1u);
  EXPECT_NEAR(p[0].gradient[0], kScale * 0.25 * (0.5 + 12 * 7 + 3 * 2), 1e-5);
}

TEST(ActivationRules, PactLearnsTheEnds) {
  const auto rule = rule_of(ActivationSteps::pact);
  const std::vector<Parameter> p = after_backward(*rule);
  ASSERT_EQ(p.size(), 1u);
  EXPECT_NEAR(p[0].gradient[0], kScale * 0.25 * (12 * 7 + 3 * 2), 1e-5);
}

TEST(ActivationRules, LsqPlusLearnsTheOffsetToo) {
  const auto rule = rule_of(ActivationSteps::lsq_plus);
  const std::vector<Parameter> p = after_backward(*rule);
  ASSERT_EQ(p.size(), 2u);
  EXPECT_NEAR(p[0].gradient[0], kScale * 0.25 * (0.5 + 15 * 7), 1e-5);
  EXPECT_EQ(p[1].kind, ParameterKind::offset);
  EXPECT_EQ(p[1].gradient[0], static_cast<float>(kScale * (7 - 2)));
  p[1].value[0] = -2.6f * p[1].value[0] / -3;  // 2.6 steps below zero
  EXPECT_EQ(rule->qparams().zero_point, 3);
  p[1].value[0] = -0.3f * 0.25f;
  EXPECT_EQ(rule->qparams().zero_point, 0);
  p[1].value[0] = -40.0f;
  EXPECT_EQ(rule->qparams().zero_point, 15);
}

TEST(ActivationRules, AdaptiveRangesFollowTheBatches) {
  const auto rule = rule_of(ActivationSteps::adaptive);
  EXPECT_TRUE(rule->observes());
  EXPECT_TRUE(after_backward(*rule).empty());
  rule->observe({-1.75f, 5.0f});  // from -0.75 and 3, a quarter of the way
  EXPECT_EQ(rule->qparams(), choose_qparams({-1.0f, 3.5f}, unsigned_range(4)));
  const std::vector<TrainingState> states = rule->states("x");
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].value[0], -1.0);
  EXPECT_TRUE(rule_of(ActivationSteps::fixed)->parameters("x").empty());
}

/// Two rows of eight weights on one quantizer.
struct Quantized {
  explicit Quantized(const Scheme& s, const FakeQuantization& h = {}) : scheme(s), how(h) {
    Random r(51);
    weights = Tensor(Shape{2, 8}, random_values(r, 16, 1.0f));
    gradient = random_values(r, 16, 1.0f);
    given = gradient;
    made = train::make_weight_quantizer({scheme, weights, how}, "layer");
    used.resize(16);
    made->forward(weights.data, used);
    made->backward(weights.data, gradient);
    parameters = made->parameters("layer");
  }
  double g(std::size_t i) const { return static_cast<double>(given[i]); }
  double w(std::size_t i) const { return static_cast<double>(weights.data[i]); }

  Scheme scheme;
  FakeQuantization how;
  Tensor weights;
  std::vector<float> given, gradient, used;
  std::unique_ptr<train::WeightQuantizer> made;
  std::vector<Parameter> parameters;
};

class TrainedFamilies : public ::testing::TestWithParam<const char*> {};

/// What kernels multiply by is what the forward pass multiplied by, times the factor of a row.
TEST_P(TrainedFamilies, CodesAreThoseOfTheForwardPass) {
  const Quantized q{Scheme(GetParam())};
  std::vector<std::int64_t> columns(8);
  std::iota(columns.begin(), columns.end(), 0);
  const std::vector<double> factors{1, 2.5};
  const QuantizedMatrix codes = q.made->codes(q.weights.data, factors, columns);
  codes.validate();
  const bool integers = q.scheme.activation_bits > 1;
  std::vector<float> reals(16);
  dequantize(effective_weights(codes, integers ? kernels::ActType::u8 : kernels::ActType::f32),
             MutableMatrixView(reals.data(), 2, 8));
  double error = 0, power = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_NEAR(reals[i], q.used[i] * static_cast<float>(factors[i / 8]), 1e-6f) << i;
    error += std::pow(static_cast<double>(q.used[i]) - q.w(i), 2);
    power += q.w(i) * q.w(i);
  }
  EXPECT_LT(error, 0.5 * power);
}

INSTANTIATE_TEST_SUITE_P(Schemes, TrainedFamilies,
                         ::testing::Values("int4", "int2-wo", "int3-tensor", "ternary", "ternary-tensor",
                                           "binary", "ttq", "ttq-wo", "ttq-tensor", "apot4", "apot3-wo",
                                           "apot5", "log4-tensor", "nf4", "fp4-wo", "kmeans2", "kmeans3-wo",
                                           "kmeans2-tensor", "quantile4-wo"),
                         [](const auto& p) {
                           std::string name = p.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TrainedWeightGradients, OfLearnedLevelsAreSumsOverTheirMembers) {
  const Quantized q{Scheme("kmeans2-wo")};
  ASSERT_EQ(q.parameters.size(), 1u);
  const Parameter& levels = q.parameters[0];
  EXPECT_EQ(levels.shape, (Shape{2, 4}));
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t k = 0; k < 4; ++k) {
      double sum = 0;
      for (std::size_t i = row * 8; i < row * 8 + 8; ++i)
        if (q.used[i] == levels.value[row * 4 + k]) sum += q.g(i);
      EXPECT_NEAR(levels.gradient[row * 4 + k], sum / std::sqrt(8.0), 1e-6);
    }
  EXPECT_EQ(q.gradient, q.given) << "straight through";
}

TEST(TrainedWeightGradients, OfTtqAreMultipliedByTheirLevels) {
  const Quantized q{Scheme("ttq-wo")};
  ASSERT_EQ(q.parameters.size(), 1u);
  for (std::size_t row = 0; row < 2; ++row) {
    const double wn = std::exp(static_cast<double>(q.parameters[0].value[row * 2])),
                 wp = std::exp(static_cast<double>(q.parameters[0].value[row * 2 + 1]));
    double largest = 0, negative = 0, positive = 0;
    for (std::size_t i = row * 8; i < row * 8 + 8; ++i) largest = std::max(largest, std::fabs(q.w(i)));
    for (std::size_t i = row * 8; i < row * 8 + 8; ++i) {
      const bool is_high = q.w(i) > 0.05 * largest, is_low = q.w(i) < -0.05 * largest;
      EXPECT_NEAR(q.used[i], is_high ? wp : is_low ? -wn : 0, 1e-6);
      EXPECT_NEAR(q.gradient[i], q.g(i) * (is_high ? wp : is_low ? wn : 1), 1e-6);
      if (is_high) positive += q.g(i);
      if (is_low) negative -= q.g(i);
    }
    EXPECT_NEAR(q.parameters[0].gradient[row * 2], wn * negative / std::sqrt(8.0), 1e-6);
    EXPECT_NEAR(q.parameters[0].gradient[row * 2 + 1], wp * positive / std::sqrt(8.0), 1e-6);
  }
}

TEST(TrainedWeightGradients, OfTablesAreThoseOfTheirScale) {
  const Quantized q{Scheme("apot3-wo")};  // 0, 1/4, 1/2, 1 with both signs, in the largest
  ASSERT_EQ(q.parameters.size(), 1u);
  std::size_t outside = 0;
  for (std::size_t row = 0; row < 2; ++row) {
    const double scale = std::exp(static_cast<double>(q.parameters[0].value[row]));
    double sum = 0;
    for (std::size_t i = row * 8; i < row * 8 + 8; ++i) {
      const double at = q.w(i) / scale, level = static_cast<double>(q.used[i]) / scale;
      const bool is_in = std::fabs(at) <= 1;
      outside += !is_in;
      sum += q.g(i) * (is_in ? level - at : level);
      EXPECT_EQ(q.gradient[i], is_in ? q.given[i] : 0);
    }
    EXPECT_NEAR(q.parameters[0].gradient[row], scale * sum / std::sqrt(8.0 * 3), 1e-5);
  }
  EXPECT_LT(outside, 16u);
}

TEST(TrainedWeightGradients, OfDorefaGoThroughTheHyperbolicTangent) {
  const Quantized q{Scheme("int3-wo"), {.weights = WeightSteps::dorefa}};
  ASSERT_EQ(q.parameters.size(), 1u);
  for (std::size_t row = 0; row < 2; ++row) {
    const double step = std::exp(static_cast<double>(q.parameters[0].value[row]));
    double largest = 0, sum = 0;
    for (std::size_t i = row * 8; i < row * 8 + 8; ++i)
      largest = std::max(largest, std::tanh(std::fabs(q.w(i))));
    for (std::size_t i = row * 8; i < row * 8 + 8; ++i) {
      const double t = std::tanh(q.w(i)), code = std::nearbyint(3 * t / largest);
      EXPECT_NEAR(q.used[i], step * code, 1e-6);
      EXPECT_NEAR(q.gradient[i], q.g(i) * step * 3 * (1 - t * t) / largest, 1e-5);
      sum += q.g(i) * code;
    }
    EXPECT_NEAR(q.parameters[0].gradient[row], step * sum / std::sqrt(8.0 * 3), 1e-5);
  }
}

TEST(TrainedWeightGradients, OfEwgsGrowWithTheDistanceToTheCode) {
  const Quantized plain{Scheme("int4-wo")},
      scaled{Scheme("int4-wo"), {.rounding = RoundingGradient::ewgs, .ewgs_scaling = 0.5}};
  EXPECT_EQ(plain.used, scaled.used);
  for (std::size_t i = 0; i < 16; ++i) {
    const double step = std::exp(static_cast<double>(plain.parameters[0].value[i / 8])),
                 at = plain.w(i) / step, sign = plain.g(i) < 0 ? -1 : 1;
    const double expected =
        plain.gradient[i] == 0 ? 0 : plain.g(i) * (1 + 0.5 * sign * (at - std::nearbyint(at)));
    EXPECT_NEAR(scaled.gradient[i], expected, 1e-5);
  }
  EXPECT_EQ(plain.parameters[0].gradient[0], scaled.parameters[0].gradient[0]) << "steps learn as before";
}

TEST(FakeQuantizationNames, AreFoundAndOthersRefused) {
  for (const std::string& name : weight_steps_names()) EXPECT_NO_THROW(parse_weight_steps(name));
  for (const std::string& name : rounding_gradient_names()) EXPECT_NO_THROW(parse_rounding_gradient(name));
  for (const std::string& name : sign_gradient_names()) EXPECT_NO_THROW(parse_sign_gradient(name));
  EXPECT_EQ(parse_activation_steps("lsq+"), ActivationSteps::lsq_plus);
  EXPECT_TRUE(says(error_of([] { parse_activation_steps("lsq++"); }, ErrorCode::invalid_argument),
                   {"steps of activations cannot be \"lsq++\"; there is lsq, lsq+, pact, adaptive, fixed"}));
}

}  // namespace
}  // namespace lowbit::testing
