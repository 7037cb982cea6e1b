// SPDX-License-Identifier: Apache-2.0
// The scalar elementwise entry against formulas written out in double or integer arithmetic. That the other
// entries have its bits is the matter of elementwise_bits_test.cc.
#include "lowbit/kernels/elementwise_kernel.h"

#include <cmath>

#include "kernels/elementwise_case.h"

namespace lowbit::testing {
namespace {

const kernels::ElementwiseKernel& kernel() {
  return scalar_elementwise();
}

/// clamp(rint(f) + zero_point) for finite f of any size.
int code(double f, int zero_point, int qmin, int qmax) {
  return static_cast<int>(std::fmin(std::fmax(std::nearbyint(f) + zero_point, qmin), qmax));
}

int byte_as(kernels::CodeType type, std::uint8_t byte) {
  return type == kernels::CodeType::s8 ? static_cast<std::int8_t>(byte) : byte;
}

struct Range {
  kernels::CodeType type;
  int zero_point, qmin, qmax;
};
constexpr Range kRanges[] = {{kernels::CodeType::u8, 101, 0, 255},   {kernels::CodeType::u8, 0, 0, 255},
                             {kernels::CodeType::u8, 7, 3, 200},     {kernels::CodeType::s8, 0, -128, 127},
                             {kernels::CodeType::s8, -5, -8, 7},     {kernels::CodeType::s8, 0, -127, 127},
                             {kernels::CodeType::s8, 127, -128, 127}};

kernels::QuantizeParams params(const Range& r, float inverse_scale) {
  return {.inverse_scale = inverse_scale,
          .lo = static_cast<float>(r.qmin - r.zero_point),
          .hi = static_cast<float>(r.qmax - r.zero_point),
          .zero_point = r.zero_point,
          .type = r.type};
}

TEST(ScalarElementwise, QuantizesEveryKindOfFloat) {
  for (const Range& r : kRanges)
    for (const float inverse_scale : {1.0f, 1.0f / 0.3f, 0.01f}) {
      const kernels::QuantizeParams q = params(r, inverse_scale);
      // Every sign, exponent and upper 7 bits of the significand.
      for (std::uint32_t high = 0; high < 65536; ++high) {
        const std::uint32_t bits = high << 16 | (high & 1 ? 0x8001 : 0);
        float x;
        std::memcpy(&x, &bits, 4);
        std::uint8_t out = 0;
        kernel().quantize(&x, 1, q, &out, nullptr);
        const float scaled = x * inverse_scale;
        const int expected = std::isnan(x) ? r.zero_point : code(scaled, r.zero_point, r.qmin, r.qmax);
        ASSERT_EQ(byte_as(r.type, out), expected) << x;
      }
    }
}

TEST(ScalarElementwise, RoundsTiesToEven) {
  const float x[] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f};
  const int expected[] = {0, 2, 2, 0, -2, -2};
  std::int8_t out[6];
  std::int32_t sum = 1;
  kernel().quantize(x, 6, params({kernels::CodeType::s8, 0, -128, 127}, 1.0f), out, &sum);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(out[i], expected[i]);
  EXPECT_EQ(sum, 0);
  const float ends[] = {kInfinity, -kInfinity, kNan};
  kernel().quantize(ends, 3, params({kernels::CodeType::s8, 3, -128, 127}, 2.0f), out, &sum);
  EXPECT_EQ(out[0], 127);
  EXPECT_EQ(out[1], -128);
  EXPECT_EQ(out[2], 3);
  EXPECT_EQ(sum, 2);
}

TEST(ScalarElementwise, QuantizesByChannels) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    float x = random.gaussian() * 50, scale = 1.0f / (0.1f + std::fabs(random.gaussian()));
    std::int32_t zero = static_cast<std::int32_t>(random.integer(0, 200)), sum = 0;
    kernels::QuantizeParams q = params({kernels::CodeType::u8, 10, 2, 250}, 0.0f);
    q.inverse_scales = &scale;
    q.zero_points = &zero;
    std::uint8_t out = 0;
    kernel().quantize(&x, 1, q, &out, &sum);
    ASSERT_EQ(int(out), code(x * scale, zero, 2, 250));
    ASSERT_EQ(sum, out);
  }
}

TEST(ScalarElementwise, Dequantizes) {
  for (int byte = 0; byte < 256; ++byte)
    for (const std::int32_t zero : {0, 1, 127}) {
      const auto in = static_cast<std::uint8_t>(byte);
      float u8 = 0, s8 = 0;
      kernel().dequantize(&in, 1, {.scale = 0.037f, .zero_point = zero}, &u8);
      kernel().dequantize(&in, 1, {.scale = 0.037f, .zero_point = zero, .type = kernels::CodeType::s8}, &s8);
      EXPECT_EQ(u8, static_cast<float>(byte - zero) * 0.037f);
      EXPECT_EQ(s8, static_cast<float>((byte < 128 ? byte : byte - 256) - zero) * 0.037f);
    }
}

TEST(ScalarElementwise, Requantizes) {
  Random random(3);
  for (const Range& r : kRanges)
    for (int i = 0; i < 20000; ++i) {
      const auto x = static_cast<std::int32_t>(random.next() >> random.integer(32, 62));
      kernels::RequantizeParams q = {
          .multiplier = std::ldexp(random.uniform(), static_cast<int>(random.integer(-20, 4)))};
      if (i % 2) q.addend = random.gaussian() * 20;
      const kernels::QuantizeParams limits = params(r, 1.0f);
      q.lo = limits.lo;
      q.hi = limits.hi;
      q.zero_point = r.zero_point;
      q.type = r.type;
      std::uint8_t out = 0;
      kernel().requantize(&x, 1, q, &out);
      const float product = static_cast<float>(x) * q.multiplier;
      const float f = product + q.addend;
      ASSERT_EQ(byte_as(r.type, out), code(f, r.zero_point, r.qmin, r.qmax)) << x << " " << q.multiplier;
    }
}

TEST(ScalarElementwise, FindsTheFiniteExtremes) {
  Random random(4);
  for (std::size_t n = 0; n <= 300; ++n) {
    std::vector<float> x(n);
    float min = 0, max = 0, expected_min = kInfinity, expected_max = -kInfinity;
    std::size_t bad = 0;
    for (float& v : x) {
      v = awkward_float(random);
      if (!std::isfinite(v)) {
        ++bad;
        continue;
      }
      expected_min = std::fmin(expected_min, v);
      expected_max = std::fmax(expected_max, v);
    }
    EXPECT_EQ(kernel().min_max(x.data(), n, &min, &max), bad);
    EXPECT_EQ(min, expected_min);
    EXPECT_EQ(max, expected_max);
    EXPECT_FALSE(min == 0.0f && std::signbit(min));
  }
  float x[] = {kNan, kInfinity}, min = 0, max = 0;
  EXPECT_EQ(kernel().min_max(x, 2, &min, &max), 2u);
  EXPECT_EQ(min, kInfinity);
  EXPECT_EQ(max, -kInfinity);
}

TEST(ScalarElementwise, AddsWithRequantization) {
  Random random(5);
  for (int i = 0; i < 5000; ++i) {
    kernels::AddParams p;
    p.a_zero = static_cast<float>(random.integer(0, 255));
    p.b_zero = static_cast<float>(random.integer(0, 255));
    p.a_multiplier = random.uniform();
    p.b_multiplier = i % 2 ? 0.5f : random.uniform();
    p.zero_point = static_cast<std::int32_t>(random.integer(0, 255));
    p.lo = static_cast<float>(-p.zero_point);
    p.hi = static_cast<float>(255 - p.zero_point);
    const auto a = static_cast<std::uint8_t>(random.next()), b = static_cast<std::uint8_t>(random.next());
    std::uint8_t out = 0;
    kernel().add_u8(&a, &b, 1, p, &out);
    const float fa = (static_cast<float>(a) - p.a_zero) * p.a_multiplier;
    const float fb = (static_cast<float>(b) - p.b_zero) * p.b_multiplier;
    ASSERT_EQ(int(out), code(fa + fb, p.zero_point, 0, 255));
  }
}

TEST(ScalarElementwise, SumsCodes) {
  const std::uint8_t x[] = {255, 1, 0, 255, 7};
  EXPECT_EQ(kernel().sum_u8(x, 5), 518);
  EXPECT_EQ(kernel().sum_u8(x, 0), 0);
}

TEST(ScalarElementwise, MapsCodesThroughATable) {
  std::uint8_t table[256];
  for (unsigned i = 0; i < 256; ++i) table[i] = static_cast<std::uint8_t>(255 - i);
  const std::uint8_t x[] = {0, 255, 16, 100};
  std::uint8_t out[4];
  kernel().map_u8(x, 4, table, out);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(out[i], 255 - x[i]);
}

TEST(ScalarElementwise, PacksLowBitsFirst) {
  const std::uint8_t codes[] = {1, 15, 0x32, 3, 2};
  std::uint8_t bytes[3] = {0, 0, 0}, back[5];
  kernel().pack(codes, 5, 4, bytes);
  EXPECT_EQ(bytes[0], 0xF1);
  EXPECT_EQ(bytes[1], 0x32);
  EXPECT_EQ(bytes[2], 0x02);
  kernel().unpack(bytes, 5, 4, back);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(back[i], codes[i] & 15);
  kernel().pack(codes, 5, 2, bytes);
  EXPECT_EQ(bytes[0], 0b11101101);
  EXPECT_EQ(bytes[1], 0b10);
  kernel().unpack(bytes, 5, 2, back);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(back[i], codes[i] & 3);
}

TEST(Elementwise, TheBestEntryIsTheFirstThatTheMachineAllows) {
  for (const kernels::ElementwiseKernel* k : all_elementwise_kernels()) {
    if (!has_isa(active_isa(), k->required)) continue;
    EXPECT_STREQ(kernels::elementwise().name, k->name);
    break;
  }
  EXPECT_STREQ(all_elementwise_kernels().back()->name, "elementwise/scalar");
}

}  // namespace
}  // namespace lowbit::testing
