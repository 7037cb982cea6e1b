// SPDX-License-Identifier: Apache-2.0
// Ranks among thresholds and codes of small floats: every elementwise kernel against plain loops over one
// value.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lowbit/core/minifloat.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit::kernels {
namespace {

class EveryElementwiseKernel : public ::testing::TestWithParam<const ElementwiseKernel*> {
 protected:
  void SetUp() override {
    if ((GetParam()->required & active_isa()) != GetParam()->required)
      GTEST_SKIP() << "this machine has no " << GetParam()->name;
  }
};

std::vector<float> values(std::size_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = 3 * random.gaussian();
    if (i % 17 == 3) x[i] = i % 2 ? kInf : -kInf;
    if (i % 19 == 4) x[i] = std::nanf("");
    if (i % 23 == 5) x[i] = i % 2 ? -0.0f : 1e-40f;
  }
  return x;
}

TEST_P(EveryElementwiseKernel, RanksAmongThresholds) {
  const std::vector<float> thresholds = {-2, -1.5f, -1, -0.25f, 0, 0.5f, 0.75f, 1, 1.5f, 2, 2.5f, 3, 4, 5, 6};
  for (std::size_t n = 0; n < 150; ++n)
    for (const std::size_t count : {std::size_t{1}, std::size_t{7}, thresholds.size()}) {
      const std::vector<float> x = values(n, n + 1);
      std::vector<std::uint8_t> ranks(n + 1, 99);
      GetParam()->rank(x.data(), n, 0.7f, thresholds.data(), count, ranks.data());
      for (std::size_t i = 0; i < n; ++i) {
        const float scaled = x[i] * 0.7f, v = std::isnan(scaled) ? 0.0f : scaled;
        int below = 0;
        for (std::size_t t = 0; t < count; ++t) below += thresholds[t] < v;
        ASSERT_EQ(ranks[i], below) << x[i];
      }
      ASSERT_EQ(ranks[n], 99);
    }
}

TEST_P(EveryElementwiseKernel, EncodesMinifloats) {
  using enum MiniFloat;
  for (const MiniFloat format : {fp8_e4m3fn, fp8_e5m2, fp6_e2m3, fp6_e3m2, fp4_e2m1})
    for (std::size_t n = 0; n < 150; ++n) {
      const std::vector<float> x = values(n, n + 2);
      std::vector<std::uint8_t> codes(n + 1, 99);
      GetParam()->encode_minifloat(x.data(), n, 1.7f, minifloat::bits(format),
                                   minifloat::mantissa_bits(format), codes.data());
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(codes[i], minifloat::encode(format, x[i] * 1.7f)) << minifloat::name(format) << " " << x[i];
      ASSERT_EQ(codes[n], 99);
    }
}

std::vector<const ElementwiseKernel*> kernels() {
  std::size_t count = 0;
  const ElementwiseKernel* const* first = elementwise_kernels(&count);
  return {first, first + count};
}

INSTANTIATE_TEST_SUITE_P(Table, EveryElementwiseKernel, ::testing::ValuesIn(kernels()), [](const auto& test) {
  std::string name = test.param->name;
  for (char& c : name)
    if (c == '/') c = '_';
  return name;
});

}  // namespace
}  // namespace lowbit::kernels
