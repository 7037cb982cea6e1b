// Every number of docs/quantization.md, computed.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "lowbit/quant/affine.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/requantize.h"
#include "support/random.h"

namespace lowbit {
namespace {

const std::vector<float> kWeights = {0.503f, -1.27f, 0.25f, 0.03f};
const std::vector<float> kActivations = {1.0f, 0.0f, 2.04f, -0.51f};

std::vector<std::uint8_t> activation_codes() {
  std::vector<std::uint8_t> a(4);
  quantize(kActivations, dynamic_qparams(-0.51f, 2.04f), unsigned_range(8), a);
  return a;
}

TEST(WorkedExample, Weights) {
  const AffineGroup g = Affine<8>{}.fit(kWeights);
  EXPECT_FLOAT_EQ(g.scale, 0.01f);
  EXPECT_EQ(g.zero_point, 0);
  std::vector<std::int8_t> codes(4);
  quantize(kWeights, {g.scale, g.zero_point}, {g.qmin, g.qmax}, codes);
  EXPECT_EQ(codes, (std::vector<std::int8_t>{50, -127, 25, 3}));
  const auto q = quantize(MatrixView(kWeights.data(), 1, 4), Affine<8>{});
  EXPECT_EQ(q.code(0, 0), 50);
  std::vector<float> back(4);
  dequantize(q, {back.data(), 1, 4});
  EXPECT_FLOAT_EQ(back[0], 0.50f);
}

TEST(WorkedExample, Activations) {
  const QParams q = dynamic_qparams(-0.51f, 2.04f);
  EXPECT_FLOAT_EQ(q.scale, 0.01f);
  EXPECT_EQ(q.zero_point, 51);
  EXPECT_EQ(activation_codes(), (std::vector<std::uint8_t>{151, 51, 255, 0}));
}

TEST(WorkedExample, IntegerProduct) {
  const std::vector<int> w = {50, -127, 25, 3};
  const auto a = activation_codes();
  const int raw = std::inner_product(a.begin(), a.end(), w.begin(), 0);
  const int sum_w = std::accumulate(w.begin(), w.end(), 0);
  EXPECT_EQ(raw, 7448);
  EXPECT_EQ(sum_w, -49);
  EXPECT_EQ(51 * sum_w, -2499);
  EXPECT_EQ(raw - 51 * sum_w, 9947);
  EXPECT_NEAR(9947 * 0.01 * 0.01, 0.9947, 1e-12);
  EXPECT_NEAR(std::inner_product(kActivations.begin(), kActivations.end(), kWeights.begin(), 0.0), 0.9977,
              1e-6);
}

TEST(WorkedExample, Requantization) {
  const QParams out = dynamic_qparams(-0.2f, 4.9f);
  EXPECT_FLOAT_EQ(out.scale, 0.02f);
  EXPECT_EQ(out.zero_point, 10);
  const Requantization r = make_requantization(0.01f, 0.01f, out, unsigned_range(8), 0.25f);
  EXPECT_FLOAT_EQ(r.multiplier, 0.005f);
  EXPECT_FLOAT_EQ(r.addend, 12.5f);
  EXPECT_EQ(r.lo, -10);
  EXPECT_EQ(r.hi, 245);
  EXPECT_FLOAT_EQ(9947 * r.multiplier, 49.735f);
  EXPECT_FLOAT_EQ(9947 * r.multiplier + r.addend, 62.235f);
  EXPECT_EQ(requantize(9947, r), 72);
  EXPECT_NEAR((72 - 10) * 0.02, 1.24, 1e-12);
  EXPECT_NEAR(0.9977 + 0.25, 1.2477, 1e-12);
}

TEST(WorkedExample, Rounding) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<std::uint8_t> out(7);
  quantize(std::vector<float>{0.5f, 1.5f, 2.5f, -0.5f, NAN, inf, -inf}, {1.0f, 51}, unsigned_range(8), out);
  EXPECT_EQ(out, (std::vector<std::uint8_t>{51, 53, 53, 51, 51, 255, 0}));
}

// Multiplying with the reciprocal and dividing disagree only next to a tie.
TEST(WorkedExample, ReciprocalAgainstDivision) {
  testing::Random random(1);
  const float scale = 0.0123f, inverse = 1.0f / scale;
  int different = 0;
  for (int i = 0; i < 20000000; ++i) {
    const float x = random.uniform() * 1.5f;
    const float product = x * inverse, quotient = x / scale;
    different += (product + 12582912.0f) != (quotient + 12582912.0f);
  }
  EXPECT_EQ(different, 63);
}

TEST(WorkedExample, SignedCodesPlus128) {
  // s + 128 with a zero point 128 higher is the same number.
  std::vector<std::int8_t> s(4);
  quantize(kActivations, {0.01f, 51 - 128}, signed_range(8), s);
  const auto u = activation_codes();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(s[i] + 128, u[i]);
}

TEST(WorkedExample, Mappings) {
  // Values from -0.1 to 0.9: symmetric 4-bit codes spend 0.9 / 7 a step, asymmetric ones 1 / 15.
  const std::vector<float> x = {-0.1f, 0.2f, 0.5f, 0.9f};
  EXPECT_NEAR(Affine<4>{}.fit(x).scale, 0.1286, 5e-5);
  const AffineGroup g = Affine<4>{.mapping = Mapping::asymmetric}.fit(x);
  EXPECT_NEAR(g.scale, 0.0667, 5e-5);
  EXPECT_EQ(g.zero_point, 2);
}

TEST(WorkedExample, BitsPerWeight) {
  testing::Random random(2);
  std::vector<float> w(256 * 256);
  for (auto& v : w) v = random.gaussian();
  const auto bits = [&](const char* scheme) {
    return quantize(MatrixView(w.data(), 256, 256), make_quantizer(scheme)).bits_per_weight();
  };
  EXPECT_DOUBLE_EQ(bits("int8"), 8.125);
  EXPECT_DOUBLE_EQ(bits("int4"), 4.125);
  EXPECT_DOUBLE_EQ(bits("int4-g32"), 4.5);
  EXPECT_DOUBLE_EQ(bits("int4-g32-asym"), 4.625);
  EXPECT_DOUBLE_EQ(bits("int2"), 2.125);
}

TEST(WorkedExample, Clipping) {
  // 4,096 Gaussian values: where min-max and MSE put the largest code, in units of the standard deviation.
  testing::Random random(3);
  std::vector<float> w(4096);
  for (auto& v : w) v = random.gaussian();
  EXPECT_NEAR(7 * Affine<4>{}.fit(w).scale, 3.62, 0.005);
  EXPECT_NEAR(7 * Affine<4>{.clip = Clip::mse}.fit(w).scale, 2.40, 0.005);
  EXPECT_NEAR(127 * Affine<8>{}.fit(w).scale, 3.62, 0.005);
  EXPECT_NEAR(127 * Affine<8>{.clip = Clip::mse}.fit(w).scale, 3.54, 0.005);
}

}  // namespace
}  // namespace lowbit
