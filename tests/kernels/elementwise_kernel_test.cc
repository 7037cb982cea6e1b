// Every elementwise entry against formulas written out in double or integer arithmetic, and against the
// scalar entry bit for bit; arrays end at a guard page.
#include "lowbit/kernels/elementwise_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::GuardedBuffer;
using testing::Random;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kMaxSize = 300;

std::vector<const ElementwiseKernel*> all_kernels() {
  std::size_t count = 0;
  const ElementwiseKernel* const* kernels = elementwise_kernels(&count);
  return {kernels, kernels + count};
}

class EveryElementwiseKernel : public ::testing::TestWithParam<const ElementwiseKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), kernel().required))
      GTEST_SKIP() << "this machine, or LOWBIT_ISA, cannot run " << kernel().name;
  }
  const ElementwiseKernel& kernel() const { return *GetParam(); }
  const ElementwiseKernel& scalar() const { return *all_kernels().back(); }

  float* random_floats(std::size_t n, bool special) {
    float* x = in_.place<float>(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = random_.gaussian() * 40.0f;
      if (random_.integer(0, 3) == 0) x[i] = static_cast<float>(random_.integer(-300, 300)) * 0.5f;  // ties
      if (!special || random_.integer(0, 5) != 0) continue;
      constexpr float kSpecial[] = {kInfinity, -kInfinity, kNan, -0.0f, 0.0f, 3e38f, -3e38f, 1e-42f};
      x[i] = kSpecial[random_.integer(0, 7)];
    }
    return x;
  }
  std::uint8_t* random_codes(GuardedBuffer& buffer, std::size_t n) {
    auto* p = buffer.place<std::uint8_t>(n);
    for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::uint8_t>(random_.next());
    return p;
  }

  Random random_{5};
  GuardedBuffer in_{kMaxSize * 4}, in2_{kMaxSize * 4}, out_{kMaxSize * 4};
};

TEST_P(EveryElementwiseKernel, QuantizesWithTiesToEvenAndSpecialValues) {
  for (std::size_t n = 0; n <= kMaxSize; n += n < 70 ? 1 : 23) {
    QuantizeParams q;
    q.inverse_scale = n % 3 == 0 ? 1.0f : 1.0f / (0.3f + 0.01f * static_cast<float>(n));
    q.zero_point = static_cast<std::int32_t>(random_.integer(0, 255));
    q.lo = static_cast<float>(-q.zero_point);
    q.hi = static_cast<float>(255 - q.zero_point);
    const float* x = random_floats(n, true);
    auto* out = out_.place<std::uint8_t>(n);
    kernel().quantize_u8(x, n, q, out);
    for (std::size_t i = 0; i < n; ++i) {
      const float scaled = x[i] * q.inverse_scale;
      int expected = q.zero_point;
      if (!std::isnan(x[i])) {
        const double rounded = std::nearbyint(static_cast<double>(scaled)) + q.zero_point;
        expected = static_cast<int>(std::fmin(std::fmax(rounded, 0.0), 255.0));
      }
      ASSERT_EQ(int(out[i]), expected) << x[i] << " of " << n;
    }
  }
}

TEST_P(EveryElementwiseKernel, Dequantizes) {
  for (std::size_t n = 0; n <= 100; ++n) {
    const std::uint8_t* x = random_codes(in_, n);
    auto* out = out_.place<float>(n);
    kernel().dequantize_u8(x, n, 0.037f, 11.0f, out);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], static_cast<float>(int(x[i]) - 11) * 0.037f);
  }
}

TEST_P(EveryElementwiseKernel, FindsTheFiniteExtremes) {
  for (std::size_t n = 0; n <= kMaxSize; n += n < 70 ? 1 : 23) {
    const float* x = random_floats(n, true);
    float min = 0, max = 0, expected_min = kInfinity, expected_max = -kInfinity;
    std::size_t bad = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::isfinite(x[i])) {
        ++bad;
        continue;
      }
      expected_min = std::fmin(expected_min, x[i]);
      expected_max = std::fmax(expected_max, x[i]);
    }
    EXPECT_EQ(kernel().min_max(x, n, &min, &max), bad);
    EXPECT_EQ(min, expected_min);
    EXPECT_EQ(max, expected_max);
    EXPECT_FALSE(min == 0.0f && std::signbit(min));
  }
  float x[] = {kNan, kInfinity}, min = 0, max = 0;
  EXPECT_EQ(kernel().min_max(x, 2, &min, &max), 2u);
  EXPECT_EQ(min, kInfinity);
  EXPECT_EQ(max, -kInfinity);
}

TEST_P(EveryElementwiseKernel, AddsWithRequantization) {
  for (std::size_t n = 0; n <= 130; ++n) {
    AddParams p;
    p.a_zero = static_cast<float>(random_.integer(0, 255));
    p.b_zero = static_cast<float>(random_.integer(0, 255));
    p.a_multiplier = random_.uniform();
    p.b_multiplier = n % 2 ? 0.5f : random_.uniform();
    p.zero_point = static_cast<std::int32_t>(random_.integer(0, 255));
    p.lo = static_cast<float>(-p.zero_point);
    p.hi = static_cast<float>(255 - p.zero_point);
    const std::uint8_t *a = random_codes(in_, n), *b = random_codes(in2_, n);
    auto* out = out_.place<std::uint8_t>(n);
    kernel().add_u8(a, b, n, p, out);
    for (std::size_t i = 0; i < n; ++i) {
      const float fa = (static_cast<float>(a[i]) - p.a_zero) * p.a_multiplier;
      const float fb = (static_cast<float>(b[i]) - p.b_zero) * p.b_multiplier;
      const int expected = static_cast<int>(std::nearbyint(fa + fb)) + p.zero_point;
      ASSERT_EQ(int(out[i]), std::min(std::max(expected, 0), 255));
    }
  }
}

TEST_P(EveryElementwiseKernel, SumsCodes) {
  for (std::size_t n = 0; n <= kMaxSize; ++n) {
    const std::uint8_t* x = random_codes(in_, n);
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    ASSERT_EQ(kernel().sum_u8(x, n), sum) << n;
  }
}

TEST_P(EveryElementwiseKernel, GivesTheBitsOfTheScalarEntry) {
  for (int repeat = 0; repeat < 200; ++repeat) {
    const auto n = static_cast<std::size_t>(random_.integer(0, kMaxSize));
    QuantizeParams q;
    q.inverse_scale = random_.uniform() + 1.5f;
    q.zero_point = 128;
    const float* x = random_floats(n, true);
    std::vector<std::uint8_t> got(n), expected(n);
    kernel().quantize_u8(x, n, q, got.data());
    scalar().quantize_u8(x, n, q, expected.data());
    ASSERT_EQ(got, expected);
    float got_range[2], expected_range[2];
    kernel().min_max(x, n, &got_range[0], &got_range[1]);
    scalar().min_max(x, n, &expected_range[0], &expected_range[1]);
    ASSERT_EQ(std::memcmp(got_range, expected_range, sizeof got_range), 0);
  }
}

std::string kernel_test_name(const ::testing::TestParamInfo<const ElementwiseKernel*>& info) {
  std::string name = info.param->name;
  for (char& ch : name)
    if (ch == '/') ch = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryElementwiseKernel, ::testing::ValuesIn(all_kernels()), kernel_test_name);

TEST(Elementwise, TheBestEntryIsTheFirstThatTheMachineAllows) {
  for (const ElementwiseKernel* k : all_kernels()) {
    if (!has_isa(active_isa(), k->required)) continue;
    EXPECT_STREQ(elementwise().name, k->name);
    break;
  }
  EXPECT_STREQ(all_kernels().back()->name, "elementwise/scalar");
}

}  // namespace
}  // namespace lowbit
