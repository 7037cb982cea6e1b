// SPDX-License-Identifier: Apache-2.0
// Every number of docs/quantization.md, computed.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/blocked.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/requantize.h"
#include "lowbit/quant/ternary.h"
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
  EXPECT_NEAR(bits("nf4-g64"), 4.258, 5e-4);
  EXPECT_DOUBLE_EQ(bits("kmeans4"), 6.125);
  EXPECT_DOUBLE_EQ(bits("ternary"), 2.125);
  EXPECT_DOUBLE_EQ(bits("binary"), 1.125);
  EXPECT_DOUBLE_EQ(bits("fp8e4m3-wo"), 8.25);
  EXPECT_NEAR(bits("mxfp4"), 4.258, 5e-4);
  EXPECT_NEAR(bits("nvfp4"), 4.508, 5e-4);
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
  EXPECT_NEAR(7 * Affine<4>{.clip = Clip::percentile}.fit(w).scale, 3.31, 0.005);
  EXPECT_NEAR(7 * Affine<4>{.clip = Clip::aciq}.fit(w).scale, 2.56, 0.005);
  EXPECT_NEAR(127 * Affine<8>{.clip = Clip::aciq}.fit(w).scale, 3.62, 0.005);
}

// One row of weights, its codes, and what they stand for.
struct Row {
  QuantizedMatrix q;
  std::vector<int> codes;
  std::vector<float> values;
};

Row row_of(const AnyQuantizer& quantizer, const std::vector<float>& w = kWeights) {
  const auto cols = static_cast<std::int64_t>(w.size());
  Row row{quantize(MatrixView(w.data(), 1, cols), quantizer), {}, std::vector<float>(w.size())};
  for (std::int64_t c = 0; c < cols; ++c) row.codes.push_back(row.q.code(0, c));
  dequantize(row.q, {row.values.data(), 1, cols});
  return row;
}

using Codes = std::vector<int>;

void expect_values(const Row& row, const std::vector<double>& expected, double tolerance = 5e-5) {
  ASSERT_EQ(row.values.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(row.values[i], expected[i], tolerance) << i;
}

TEST(WorkedExample, RealOffsets) {
  const std::vector<float> x = {1.0f, 1.1f, 1.2f, 1.3f};
  const Row integer = row_of(Affine<2>{.mapping = Mapping::asymmetric}, x);
  EXPECT_NEAR(integer.q.scales[0], 0.4333, 5e-5);
  expect_values(integer, {0.8667, 1.3, 1.3, 1.3});
  const Row real = row_of(Affine<2>{.mapping = Mapping::asymmetric_real}, x);
  EXPECT_NEAR(real.q.scales[0], 0.1, 1e-6);
  EXPECT_EQ((Affine<2>{.mapping = Mapping::asymmetric_real}.fit(x).offset), 1.0f);
  EXPECT_FLOAT_EQ(real.q.offsets.at(0), 1.2f);  // of code 2, the middle one
  EXPECT_TRUE(real.q.zero_points.empty());
  EXPECT_EQ(real.codes, (Codes{0, 1, 2, 3}));
  expect_values(real, {1.0, 1.1, 1.2, 1.3}, 1e-6);
}

TEST(WorkedExample, TableOfLevels) {
  const Row row = row_of(Codebook{{-1.0f, -0.5f, 0.0f, 0.5f, 1.0f}});
  EXPECT_EQ(row.q.format, WeightFormat::lut4);
  EXPECT_FLOAT_EQ(row.q.scales[0], 1.27f);
  EXPECT_EQ(row.codes, (Codes{3, 0, 2, 2}));
  expect_values(row, {0.635, -1.27, 0, 0});
}

TEST(WorkedExample, FittedLevels) {
  const std::vector<float> w = {0.01f, 0.02f, 0.03f, 0.04f, 0.05f, 0.06f, 0.2f, 0.4f};
  const std::vector<double> kmeans = {0.02, 0.05, 0.2, 0.4}, quantile = {0.015, 0.035, 0.055, 0.3};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(KMeans<2>{}.fit(w).levels[i], kmeans[i], 1e-6);
    EXPECT_NEAR(Quantile<2>{}.fit(w).levels[i], quantile[i], 1e-6);
  }
  expect_values(row_of(KMeans<2>{}, w), {0.02, 0.02, 0.02, 0.05, 0.05, 0.05, 0.2, 0.4}, 1e-6);
}

TEST(WorkedExample, FixedLevels) {
  const Row nf4 = row_of(Nf4{per_channel()}), fp4 = row_of(Fp4{per_channel()}), log4 = row_of(Log2<4>{}),
            apot4 = row_of(Apot<4>{});
  EXPECT_EQ(nf4.codes, (Codes{12, 0, 9, 7}));
  expect_values(nf4, {0.5597, -1.27, 0.2044, 0});
  EXPECT_NEAR(fp4.q.scales[0], 0.2117, 5e-5);
  EXPECT_EQ(fp4.codes, (Codes{4, 15, 2, 0}));
  expect_values(fp4, {0.4233, -1.27, 0.2117, 0});
  expect_values(log4, {0.635, -1.27, 0.3175, 0.0397});
  expect_values(apot4, {0.508, -1.27, 0.254, 0});
  const std::vector<double> tenths = {0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(Apot<4>{}.levels()[7 + i], tenths[i], 1e-7);
}

TEST(WorkedExample, Ternary) {
  const TernaryGroup twn = Twn{}.fit(kWeights), absmean = AbsMean{}.fit(kWeights);
  EXPECT_NEAR(twn.threshold, 0.3593, 5e-5);
  EXPECT_NEAR(twn.scale, 0.8865, 1e-6);
  EXPECT_EQ(row_of(Twn{}).codes, (Codes{3, 1, 2, 2}));
  EXPECT_NEAR(absmean.scale, 0.51325, 1e-6);
  EXPECT_EQ(row_of(AbsMean{}).codes, (Codes{3, 1, 2, 2}));
  expect_values(row_of(Ttq{}), {0.3765, -1.27, 0.3765, 0});
}

TEST(WorkedExample, Binary) {
  const Row one = row_of(Binary{}), two = row_of(Binary{.planes = 2});
  EXPECT_EQ(one.codes, (Codes{0, 1, 0, 0}));
  expect_values(one, {0.51325, -0.51325, 0.51325, 0.51325});
  EXPECT_NEAR(two.q.scales[0], 0.7655, 1e-6);
  EXPECT_NEAR(two.q.scales[1], 0.5045, 1e-6);
  EXPECT_EQ(two.codes, (Codes{2, 3, 2, 2}));
  expect_values(two, {0.261, -1.27, 0.261, 0.261});
}

TEST(WorkedExample, Minifloats) {
  const Row fp8 = row_of(Fp8{}), mxfp4 = row_of(MxFp{}), mxint8 = row_of(MxInt8{});
  EXPECT_NEAR(0.503 / fp8.q.scales[0], 177.4, 0.05);
  EXPECT_EQ(minifloat::decode(MiniFloat::fp8_e4m3fn, static_cast<std::uint8_t>(fp8.codes[0])), 176.0f);
  expect_values(fp8, {0.4989, -1.27, 0.2495, 0.0312});
  EXPECT_EQ(mxfp4.q.scales[0], 0.25f);
  expect_values(mxfp4, {0.5, -1.5, 0.25, 0});
  EXPECT_EQ(mxint8.codes, (Codes{32, -81, 16, 2}));
  expect_values(mxint8, {0.5, -1.2656, 0.25, 0.0312}, 1e-4);
}

TEST(WorkedExample, NvFp4HasScalesOfTwoLevels) {
  std::vector<float> w(32, 0.01f);
  w[0] = -1.27f;
  w[16] = 0.503f;
  const float of_matrix = 1.27f / (448 * 6);
  EXPECT_NEAR(0.503 / 6 / of_matrix, 177.4, 0.05);
  const QuantizedMatrix q = row_of(NvFp4{}, w).q;
  EXPECT_FLOAT_EQ(q.scales[0], 448 * of_matrix);
  EXPECT_FLOAT_EQ(q.scales[1], 176 * of_matrix);
  EXPECT_NEAR(q.scales[1], 0.08315, 5e-6);
}

TEST(WorkedExample, TablesInIntegerProducts) {
  testing::Random random(1);
  std::vector<float> w(64 * 64);
  for (auto& v : w) v = random.gaussian();
  const MatrixView view(w.data(), 64, 64);
  const auto integers = [&](const AnyQuantizer& quantizer) {
    const QuantizedMatrix q = quantize(view, quantizer);
    return EffectiveWeights(q, kernels::ActType::u8).levels();
  };
  EXPECT_EQ(integers(Nf4{}), (std::vector<std::int8_t>{-112, -78, -59, -44, -32, -21, -10, 0, 9, 18, 28, 38,
                                                       49, 63, 81, 112}));
  EXPECT_EQ(integers(Fp4{}),
            (std::vector<std::int8_t>{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}));
  EXPECT_EQ(integers(Log2<4>{})[0], -64);
  EXPECT_EQ(integers(Apot<4>{})[0], -10);
  for (const char* scheme : {"mxfp6", "apot5", "apot6"}) {
    const QuantizedMatrix q = quantize(view, make_quantizer(scheme));
    EXPECT_EQ(EffectiveWeights(q, kernels::ActType::u8).matrix().format, WeightFormat::s8) << scheme;
  }
  for (const char* scheme :
       {"kmeans8-wo", "log8-wo", "apot7-wo", "apot8-wo", "fp8e4m3-wo", "fp8e5m2-wo", "mxfp8-wo"})
    EXPECT_ANY_THROW(effective_weights(quantize(view, make_quantizer(scheme)), kernels::ActType::u8))
        << scheme;
  const QuantizedMatrix q = quantize(view, Nf4{}), rounded = effective_weights(q, kernels::ActType::u8);
  std::vector<float> a(w.size()), b(w.size());
  dequantize(q, {a.data(), 64, 64});
  dequantize(rounded, {b.data(), 64, 64});
  const MatrixView of_q(a.data(), 64, 64), of_rounded(b.data(), 64, 64);
  EXPECT_NEAR(measure_error(of_q, of_rounded).sqnr_db, 46.5, 0.05);
  EXPECT_NEAR(measure_error(view, of_q).sqnr_db, 20.74, 0.005);
  EXPECT_NEAR(measure_error(view, of_rounded).sqnr_db, 20.73, 0.005);
}

TEST(WorkedExample, BlocksOfATensor) {
  const std::vector<float> x = {1, 2, 3, 4, 10, 20, 30, 40}, scales = {0.1f, 0.2f, 1.0f, 2.0f};
  std::vector<std::int8_t> codes(8);
  quantize(TensorView(x.data(), Shape{2, 4}), {.scales = scales, .axis = 1, .block_size = 2}, signed_range(8),
           codes);
  EXPECT_EQ(codes, (std::vector<std::int8_t>{10, 20, 15, 20, 10, 20, 15, 20}));
}

TEST(WorkedExample, FakeQuantize) {
  const std::vector<float> x = {0.503f, 1.27f, 2.0f, -3.0f};
  std::vector<float> out(4);
  std::vector<std::uint8_t> mask(4);
  fake_quantize(x, {0.01f, 0}, signed_range(8), out, mask);
  const std::vector<double> expected = {0.5, 1.27, 1.27, -1.28};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[i], 1e-6);
  EXPECT_EQ(mask, (std::vector<std::uint8_t>{1, 1, 0, 0}));
}

}  // namespace
}  // namespace lowbit
