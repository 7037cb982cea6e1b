// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/minifloat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit::minifloat {
namespace {

using enum MiniFloat;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The formats once more, as the specifications describe them.
struct Spec {
  const char* name;
  double largest, overflow;  // overflow: the value after `largest` if the exponents went on
  int exponent, mantissa, bias;
  int infinity, first_nan, last;  // positive codes; infinity and first_nan past `last` where there are none
  bool overflow_is_even;          // its mantissa
  MiniFloat format;
  bool fnuz = false;  // NaN alone has a sign without a magnitude
};

const Spec kElements[] = {
    {"fp8_e4m3fn", 448, 480, 4, 3, 7, 256, 0x7F, 0x7F, false, fp8_e4m3fn},
    {"fp8_e5m2", 57344, 65536, 5, 2, 15, 0x7C, 0x7D, 0x7F, true, fp8_e5m2},
    {"fp6_e2m3", 7.5, 8, 2, 3, 1, 256, 256, 0x1F, true, fp6_e2m3},
    {"fp6_e3m2", 28, 32, 3, 2, 3, 256, 256, 0x1F, true, fp6_e3m2},
    {"fp4_e2m1", 6, 8, 2, 1, 1, 256, 256, 0x07, true, fp4_e2m1},
    {"fp8_e4m3fnuz", 240, 256, 4, 3, 8, 256, 256, 0x7F, true, fp8_e4m3fnuz, true},
    {"fp8_e5m2fnuz", 57344, 65536, 5, 2, 16, 256, 256, 0x7F, true, fp8_e5m2fnuz, true},
};
const MiniFloat kFormats[] = {fp8_e4m3fn, fp8_e5m2, fp6_e2m3,     fp6_e3m2,
                              fp4_e2m1,   e8m0,     fp8_e4m3fnuz, fp8_e5m2fnuz};

// Of a code without its sign.
double magnitude_of(const Spec& s, int code) {
  if (code == s.infinity) return kInf;
  if (code >= s.first_nan) return kNan;
  const int exponent = code >> s.mantissa, mantissa = code % (1 << s.mantissa);
  const double fraction = std::ldexp(mantissa, -s.mantissa);
  return exponent == 0 ? std::ldexp(fraction, 1 - s.bias) : std::ldexp(1 + fraction, exponent - s.bias);
}

const std::vector<double>& magnitudes(const Spec& s) {
  static std::map<MiniFloat, std::vector<double>> known;
  std::vector<double>& values = known[s.format];
  for (int code = static_cast<int>(values.size()); code <= s.last; ++code)
    values.push_back(magnitude_of(s, code));
  return values;
}

// Nearest by trying every value. The differences that decide are exact, unless |x| is so large that it hides
// the values; it is cut off before.
std::uint8_t nearest(const Spec& s, float x, Overflow overflow) {
  const int sign = std::signbit(x) ? s.last + 1 : 0;
  const bool special = s.first_nan <= s.last || s.fnuz;
  if (std::isnan(x) && s.fnuz) return 0x80;
  if (std::isnan(x)) return static_cast<std::uint8_t>(special ? 0x7F | sign : 0);
  const double v = std::min(std::fabs(static_cast<double>(x)), 4 * s.overflow);
  const std::vector<double>& values = magnitudes(s);
  int best = 0;
  double distance = v, value = 0;
  for (int code = 1; code <= s.last; ++code) {
    const double candidate = values[static_cast<std::size_t>(code)], d = std::fabs(candidate - v);
    if (!std::isfinite(candidate)) continue;
    if (d < distance || (d == distance && code % 2 == 0)) best = code, distance = d, value = candidate;
  }
  if (special && overflow == Overflow::spec && value == s.largest) {
    const double d = std::fabs(s.overflow - v);
    if (d < distance || (d == distance && s.overflow_is_even))
      best = s.fnuz ? 0x80 : s.infinity <= s.last ? s.infinity : s.first_nan;
  }
  if (s.fnuz && best == 0) return 0;
  return static_cast<std::uint8_t>(best | sign);
}

// Ties go up; zero and all that is too small to the first value, and what is between that and the next to the
// latter.
std::uint8_t nearest_scale(float x, Overflow overflow) {
  if (std::isnan(x) || x < 0) return 0xFF;
  if (x > 0x1p-127f && x < 0x1p-126f) return 1;
  if (std::isinf(x)) return overflow == Overflow::spec ? 0xFF : 0xFE;
  int best = 0;
  double power = 0x1p-127, distance = std::fabs(power - x);
  for (int code = 1; code <= 0xFF; ++code) {
    power *= 2;
    if (std::fabs(power - x) <= distance) best = code, distance = std::fabs(power - x);
  }
  return static_cast<std::uint8_t>(best == 0xFF && overflow == Overflow::saturate ? 0xFE : best);
}

std::uint8_t oracle(MiniFloat format, float x, Overflow overflow) {
  for (const Spec& s : kElements)
    if (s.format == format) return nearest(s, x, overflow);
  return nearest_scale(x, overflow);
}

void expect_encoding(MiniFloat format, float x) {
  for (const Overflow overflow : {Overflow::saturate, Overflow::spec})
    ASSERT_EQ(encode(format, x, overflow), oracle(format, x, overflow))
        << name(format) << " of " << x << ", bits " << std::bit_cast<std::uint32_t>(x)
        << (overflow == Overflow::spec ? ", spec" : ", saturate");
}

// With its neighbours among the floats, of both signs.
void expect_encoding_around(MiniFloat format, float x) {
  for (const float v : {std::nextafter(x, -kInf), x, std::nextafter(x, kInf)}) {
    expect_encoding(format, v);
    expect_encoding(format, -v);
  }
}

void expect_same(float actual, float expected, const std::string& what) {
  EXPECT_EQ(std::isnan(actual), std::isnan(expected)) << what;
  EXPECT_EQ(std::signbit(actual), std::signbit(expected)) << what;
  if (!std::isnan(expected)) {
    EXPECT_EQ(actual, expected) << what;
  }
}

TEST(MiniFloat, DecodesEveryCodeAsSpecified) {
  for (const Spec& s : kElements) {
    const int width = 1 + s.exponent + s.mantissa;
    EXPECT_EQ(bits(s.format), width);
    EXPECT_EQ(name(s.format), s.name);
    EXPECT_EQ(largest(s.format), s.largest);
    ASSERT_EQ(s.last + 1, 1 << (width - 1));
    const std::vector<float> values = table(s.format);
    ASSERT_EQ(values.size(), std::size_t{1} << width);
    for (int code = 0; code < 256; ++code) {
      const auto v = static_cast<float>(magnitude_of(s, code & s.last));
      const float expected = s.fnuz && code == 0x80 ? kNan : (code & (s.last + 1)) != 0 ? -v : v;
      const std::string what = std::string(s.name) + " code " + std::to_string(code);
      expect_same(decode(s.format, static_cast<std::uint8_t>(code)), expected, what);
      expect_same(values[static_cast<std::size_t>(code) % values.size()], expected, what);
    }
  }
}

TEST(MiniFloat, DecodesTheValuesThatTheSpecificationsList) {
  EXPECT_EQ(decode(fp8_e4m3fn, 0x7E), 448.0f);
  EXPECT_EQ(decode(fp8_e4m3fn, 0x08), 0x1p-6f);
  EXPECT_EQ(decode(fp8_e4m3fn, 0x07), 0.875f * 0x1p-6f);
  EXPECT_EQ(decode(fp8_e4m3fn, 0x81), -0x1p-9f);
  EXPECT_TRUE(std::isnan(decode(fp8_e4m3fn, 0xFF)));
  EXPECT_EQ(decode(fp8_e5m2, 0x7B), 57344.0f);
  EXPECT_EQ(decode(fp8_e5m2, 0x04), 0x1p-14f);
  EXPECT_EQ(decode(fp8_e5m2, 0x03), 0.75f * 0x1p-14f);
  EXPECT_EQ(decode(fp8_e5m2, 0xFC), -kInf);
  EXPECT_TRUE(std::isnan(decode(fp8_e5m2, 0x7D)));
  EXPECT_EQ(decode(fp6_e2m3, 0x3F), -7.5f);
  EXPECT_EQ(decode(fp6_e2m3, 0x08), 1.0f);
  EXPECT_EQ(decode(fp6_e2m3, 0x07), 0.875f);
  EXPECT_EQ(decode(fp6_e3m2, 0x1F), 28.0f);
  EXPECT_EQ(decode(fp6_e3m2, 0x04), 0.25f);
  EXPECT_EQ(decode(fp6_e3m2, 0x01), 0.0625f);
  EXPECT_EQ(decode(fp8_e4m3fnuz, 0x7F), 240.0f);
  EXPECT_EQ(decode(fp8_e4m3fnuz, 0x81), -0x1p-10f);
  EXPECT_TRUE(std::isnan(decode(fp8_e4m3fnuz, 0x80)));
  EXPECT_EQ(decode(fp8_e5m2fnuz, 0xFF), -57344.0f);
  EXPECT_EQ(decode(fp8_e5m2fnuz, 0x01), 0x1p-17f);
  EXPECT_TRUE(std::isnan(decode(fp8_e5m2fnuz, 0x80)));
  EXPECT_EQ(table(fp4_e2m1),
            (std::vector<float>{0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6}));
}

TEST(MiniFloat, DecodesScalesAsPowersOfTwo) {
  EXPECT_EQ(bits(e8m0), 8);
  EXPECT_EQ(name(e8m0), "e8m0");
  EXPECT_EQ(largest(e8m0), 0x1p127f);
  const std::vector<float> values = table(e8m0);
  ASSERT_EQ(values.size(), 256u);
  for (int code = 0; code < 255; ++code) {
    EXPECT_EQ(values[static_cast<std::size_t>(code)], std::ldexp(1.0, code - 127));
    EXPECT_EQ(decode(e8m0, static_cast<std::uint8_t>(code)), std::ldexp(1.0, code - 127));
  }
  EXPECT_EQ(decode(e8m0, 127), 1.0f);
  EXPECT_TRUE(std::isnan(values[255]));
  EXPECT_TRUE(std::isnan(decode(e8m0, 255)));
}

TEST(MiniFloat, EncodesToTheNearestAmongAllFloats) {
  // A stride below 2^16 that is odd, so that the low bits vary as well.
  for (const MiniFloat format : kFormats)
    for (std::uint64_t pattern = 0; pattern < 0x100000000u; pattern += 65521)
      ASSERT_NO_FATAL_FAILURE(
          expect_encoding(format, std::bit_cast<float>(static_cast<std::uint32_t>(pattern))));
}

TEST(MiniFloat, EncodesTiesAndTheirNeighbours) {
  for (const Spec& s : kElements) {
    const int finite = std::min({s.infinity, s.first_nan, s.last + 1});
    for (int code = 0; code < finite; ++code) {
      const double low = magnitude_of(s, code);
      const double high = code + 1 < finite ? magnitude_of(s, code + 1) : s.overflow;
      ASSERT_NO_FATAL_FAILURE(expect_encoding_around(s.format, static_cast<float>(low)));
      ASSERT_NO_FATAL_FAILURE(expect_encoding_around(s.format, static_cast<float>((low + high) / 2)));
    }
    ASSERT_NO_FATAL_FAILURE(expect_encoding_around(s.format, static_cast<float>(s.overflow)));
  }
  for (int code = 0; code < 255; ++code) {
    const auto low = static_cast<float>(std::ldexp(1.0, code - 127));
    ASSERT_NO_FATAL_FAILURE(expect_encoding_around(e8m0, low));
    ASSERT_NO_FATAL_FAILURE(expect_encoding_around(e8m0, 1.5f * low));
  }
}

TEST(MiniFloat, EncodesSpecialValues) {
  const float smallest = std::numeric_limits<float>::denorm_min(), large = std::numeric_limits<float>::max();
  const float signalling = std::bit_cast<float>(0x7F800001u), full = std::bit_cast<float>(0x7FFFFFFFu);
  for (const MiniFloat format : kFormats)
    for (const float x : {0.0f, smallest, 1e-40f, 0x1p-126f, large, kInf, kNan, signalling, full}) {
      ASSERT_NO_FATAL_FAILURE(expect_encoding(format, x));
      ASSERT_NO_FATAL_FAILURE(expect_encoding(format, -x));
    }
}

// The cases that the header promises, in numbers.
TEST(MiniFloat, OverflowsAsDocumented) {
  const auto spec = Overflow::spec;
  EXPECT_EQ(encode(fp8_e4m3fn, 464.0f, spec), 0x7E);
  EXPECT_EQ(encode(fp8_e4m3fn, std::nextafter(464.0f, kInf), spec), 0x7F);
  EXPECT_EQ(encode(fp8_e4m3fn, -1000.0f, spec), 0xFF);
  EXPECT_EQ(encode(fp8_e4m3fn, -1000.0f), 0xFE);
  EXPECT_EQ(encode(fp8_e4m3fn, kInf), 0x7E);
  EXPECT_EQ(encode(fp8_e5m2, std::nextafter(61440.0f, 0.0f), spec), 0x7B);
  EXPECT_EQ(encode(fp8_e5m2, 61440.0f, spec), 0x7C);
  EXPECT_EQ(encode(fp8_e5m2, -kInf, spec), 0xFC);
  EXPECT_EQ(encode(fp8_e5m2, -kInf), 0xFB);
  EXPECT_EQ(encode(fp8_e5m2, -kNan), 0xFF);
  EXPECT_EQ(encode(fp6_e2m3, -kInf, spec), 0x3F);
  EXPECT_EQ(encode(fp6_e3m2, 1e30f, spec), 0x1F);
  EXPECT_EQ(encode(fp4_e2m1, -100.0f), 0x0F);
  EXPECT_EQ(encode(fp4_e2m1, -kNan, spec), 0x00);
  EXPECT_EQ(encode(fp4_e2m1, -0.25f), 0x08);
  EXPECT_EQ(encode(fp8_e4m3fnuz, -0x1p-12f), 0);
  EXPECT_EQ(encode(fp8_e4m3fnuz, std::nextafter(248.0f, 0.0f), spec), 0x7F);
  EXPECT_EQ(encode(fp8_e4m3fnuz, -248.0f, spec), 0x80);
  EXPECT_EQ(encode(fp8_e5m2fnuz, -kInf), 0xFF);
  EXPECT_EQ(encode(fp8_e5m2fnuz, kInf, spec), 0x80);
  EXPECT_EQ(encode(e8m0, 1.5f), 128);
  EXPECT_EQ(encode(e8m0, 0x1p-127f), 0);
  EXPECT_EQ(encode(e8m0, std::nextafter(0x1p-127f, 1.0f)), 1);
  EXPECT_EQ(encode(e8m0, -0.0f), 0);
  EXPECT_EQ(encode(e8m0, -1.0f), 0xFF);
  EXPECT_EQ(encode(e8m0, 0x1.8p127f), 0xFE);
  EXPECT_EQ(encode(e8m0, 0x1.8p127f, spec), 0xFF);
}

TEST(MiniFloat, FloorsTheLogarithmOfScales) {
  for (int e = -127; e <= 127; ++e) {
    const auto power = static_cast<float>(std::ldexp(1.0, e));
    EXPECT_EQ(e8m0_floor(power), e + 127);
    EXPECT_EQ(e8m0_floor(1.75f * power), e + 127);
    EXPECT_EQ(e8m0_floor(std::nextafter(power, 0.0f)), std::max(e + 126, 0));
    EXPECT_EQ(e8m0_floor(-power), 0xFF);
  }
  EXPECT_EQ(e8m0_floor(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(e8m0_floor(0.0f), 0);
  EXPECT_EQ(e8m0_floor(-0.0f), 0);
  EXPECT_EQ(e8m0_floor(kInf), 0xFE);
  for (const float x : {-kInf, kNan, -kNan, -std::numeric_limits<float>::denorm_min()})
    EXPECT_EQ(e8m0_floor(x), 0xFF);
}

TEST(MiniFloat, TakesTheNextPowerOfTwoAsScale) {
  for (int e = -127; e <= 127; ++e) {
    const auto power = static_cast<float>(std::ldexp(1.0, e));
    EXPECT_EQ(e8m0_ceil(power), e + 127);
    EXPECT_EQ(e8m0_ceil(std::nextafter(power, kInf)), std::min(e + 128, 254));
    EXPECT_EQ(e8m0_ceil(std::nextafter(power, 0.0f)), e + 127);
    EXPECT_EQ(e8m0_ceil(-power), 0xFF);
  }
  EXPECT_EQ(e8m0_ceil(0.0f), 0);
  EXPECT_EQ(e8m0_ceil(-0.0f), 0);
  EXPECT_EQ(e8m0_ceil(kInf), 0xFE);
  EXPECT_EQ(e8m0_ceil(kNan), 0xFF);
}

TEST(MiniFloat, EncodesEveryValueToItself) {
  for (const MiniFloat format : kFormats)
    for (const Overflow overflow : {Overflow::saturate, Overflow::spec})
      for (int code = 0; code < 1 << bits(format); ++code) {
        const float value = decode(format, static_cast<std::uint8_t>(code));
        if (std::isinf(value) && overflow == Overflow::saturate) continue;
        const std::uint8_t again = encode(format, value, overflow);
        expect_same(decode(format, again), value,
                    std::string(name(format)) + " code " + std::to_string(code));
        if (!std::isnan(value)) {
          EXPECT_EQ(again, code) << name(format);
        }
      }
}

// Past the block of the implementation, and all remainders of vector loops.
std::vector<std::size_t> span_sizes() {
  std::vector<std::size_t> sizes = {1023, 1024, 1025, 2500};
  for (std::size_t n = 0; n <= 70; ++n) sizes.push_back(n);
  return sizes;
}

TEST(MiniFloat, EncodesSpansLikeSingleValues) {
  testing::Random random(1);
  const float special[] = {kNan, -kNan, kInf, -kInf, 0.0f, -0.0f, 1e-40f, -1e38f, 1e38f, 464.0f, 61440.0f};
  for (const MiniFloat format : kFormats)
    for (const std::size_t n : span_sizes())
      for (const Overflow overflow : {Overflow::saturate, Overflow::spec}) {
        std::vector<float> x(n);
        for (float& v : x) {
          const auto exponent = static_cast<int>(random.integer(-18, 18));
          v = std::ldexp(random.uniform(), exponent);
          if (random.integer(0, 3) == 0) v = special[random.integer(0, std::ssize(special) - 1)];
        }
        const float inverse_scale = random.integer(0, 1) == 0 ? 1.0f : 1.0f + random.uniform() / 2;
        std::vector<std::uint8_t> codes(n + 1, 0xA5), expected(n + 1, 0xA5);
        for (std::size_t i = 0; i < n; ++i) expected[i] = encode(format, x[i] * inverse_scale, overflow);
        encode(format, x, inverse_scale, std::span(codes).first(n), overflow);
        ASSERT_EQ(codes, expected) << name(format) << ", " << n << " values";
      }
}

TEST(MiniFloat, DecodesSpansLikeSingleCodes) {
  testing::Random random(2);
  for (const MiniFloat format : kFormats)
    for (const std::size_t n : span_sizes()) {
      std::vector<std::uint8_t> codes(n);
      for (auto& c : codes) c = static_cast<std::uint8_t>(random.integer(0, 255));
      const float scale = 1.0f + random.uniform() / 2;
      std::vector<float> values(n + 1, 42.0f);
      decode(format, codes, scale, std::span(values).first(n));
      for (std::size_t i = 0; i < n; ++i)
        expect_same(values[i], decode(format, codes[i]) * scale, std::string(name(format)));
      EXPECT_EQ(values[n], 42.0f);
    }
}

TEST(MiniFloat, RefusesSpansOfDifferentSizes) {
  std::vector<float> values(5);
  std::vector<std::uint8_t> four(4), five(5);
  EXPECT_NO_THROW(encode(fp4_e2m1, values, 1.0f, five));
  EXPECT_NO_THROW(decode(fp4_e2m1, five, 1.0f, values));
  const auto code_of = [](auto call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::io;
  };
  EXPECT_EQ(code_of([&] { encode(fp4_e2m1, values, 1.0f, four); }), ErrorCode::shape_mismatch);
  EXPECT_EQ(code_of([&] { decode(fp4_e2m1, four, 1.0f, values); }), ErrorCode::shape_mismatch);
}

}  // namespace
}  // namespace lowbit::minifloat
