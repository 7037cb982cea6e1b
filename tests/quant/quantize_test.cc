// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/dynamic.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(Quantize, MatchesTheFormulaInDoubles) {
  testing::Random random(7);
  for (int bits = 2; bits <= 16; ++bits)
    for (const IntRange codes : {signed_range(bits), signed_range(bits, true), unsigned_range(bits)}) {
      const QParams q{std::ldexp(1.5f + random.uniform(), -6),
                      static_cast<std::int32_t>(random.integer(codes.qmin, codes.qmax))};
      std::vector<float> x(500);
      for (auto& v : x) v = random.gaussian() * q.scale * float(codes.qmax - codes.qmin);
      std::vector<std::int32_t> out(x.size());
      quantize(x, q, codes, out);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float scaled = x[i] * (1.0f / q.scale);
        const double expected = std::nearbyint(double(scaled)) + q.zero_point;
        ASSERT_EQ(out[i], std::min<double>(codes.qmax, std::max<double>(codes.qmin, expected)));
      }
    }
}

TEST(Quantize, RoundTripsEveryCode) {
  testing::Random random(8);
  for (int trial = 0; trial < 200; ++trial) {
    const QParams q{std::ldexp(1.5f + random.uniform(), static_cast<int>(random.integer(-120, 110))),
                    static_cast<std::int32_t>(random.integer(0, 255))};
    std::vector<std::uint8_t> codes(256), back(256);
    for (std::size_t i = 0; i < 256; ++i) codes[i] = static_cast<std::uint8_t>(i);
    std::vector<float> x(256);
    dequantize(codes, q, x);
    quantize(x, q, unsigned_range(8), back);
    ASSERT_EQ(back, codes) << q.scale;
  }
}

TEST(Quantize, RoundsTiesToEvenAndHandlesNonFiniteValues) {
  const std::vector<float> x = {0.5f, 1.5f, 2.5f,  -0.5f, -1.5f, -2.5f,
                                NAN,  kInf, -kInf, 1e38f, -0.0f, 1e-45f};
  std::vector<std::int8_t> out(x.size());
  quantize(x, {1.0f, 3}, signed_range(8), out);
  EXPECT_EQ(out, (std::vector<std::int8_t>{3, 5, 5, 3, 1, 1, 3, 127, -128, 127, 3, 3}));
}

TEST(Quantize, RefusesImpossibleArguments) {
  const std::vector<float> x(4);
  std::vector<std::uint8_t> u8(4), three(3);
  std::vector<std::int8_t> s8(4);
  std::vector<std::int32_t> s32(4);
  EXPECT_THROW(quantize(x, {1, 0}, unsigned_range(8), three), Error);
  EXPECT_THROW(quantize(x, {1, 0}, signed_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {1, 0}, unsigned_range(8), s8), Error);
  EXPECT_THROW(quantize(x, {1, 256}, unsigned_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {0, 0}, unsigned_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {-1, 0}, unsigned_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {NAN, 0}, unsigned_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {1e-40f, 0}, unsigned_range(8), u8), Error);
  EXPECT_THROW(quantize(x, {1, 0}, {-2147483647, 2147483647}, s32), Error);
  std::vector<float> out(3);
  EXPECT_THROW(dequantize(u8, {1, 0}, out), Error);
}

TEST(DynamicQparams, AreThoseOfChooseQparams) {
  testing::Random random(9);
  for (int i = 0; i < 20000; ++i) {
    float a = std::ldexp(random.uniform(), static_cast<int>(random.integer(-140, 127)));
    float b = std::ldexp(random.uniform(), static_cast<int>(random.integer(-140, 127)));
    if (a > b) std::swap(a, b);
    const QParams q = dynamic_qparams(a, b);
    ASSERT_EQ(q, choose_qparams({a, b}, unsigned_range(8)));
    ASSERT_TRUE(std::isnormal(q.scale) && q.scale > 0 && q.zero_point >= 0 && q.zero_point <= 255);
  }
  static_assert(noexcept(dynamic_qparams(0, 1)));
  for (const QParams q : {dynamic_qparams(kInf, -kInf), dynamic_qparams(NAN, 1), dynamic_qparams(0, kInf),
                          dynamic_qparams(0, 0)})
    EXPECT_EQ(q, (QParams{1.0f, 0}));
}

}  // namespace
}  // namespace lowbit
