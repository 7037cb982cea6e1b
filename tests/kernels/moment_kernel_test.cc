// SPDX-License-Identifier: Apache-2.0
// Moment kernels: each equals the scalar reference by memcmp, which is held against sums in long double.
#include "kernels/moments/moment_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit::kernels {
namespace {

/// Floats of many magnitudes, as doubles.
std::vector<double> panel(testing::Random& random, std::size_t rows) {
  std::vector<double> values(8 * rows);
  for (double& v : values)
    v = static_cast<double>(std::ldexp(random.uniform(), static_cast<int>(random.integer(-30, 12))));
  return values;
}

TEST(MomentKernel, TheReferenceIsTheSumOfProducts) {
  testing::Random random(1);
  const std::size_t rows = 300;
  const std::vector<double> a = panel(random, rows), b = panel(random, rows);
  double out[64];
  kMomentsScalar.products(a.data(), b.data(), rows, out);
  for (std::size_t e = 0; e < 64; ++e) {
    long double sum = 0, size = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const long double product = static_cast<long double>(a[8 * r + e / 8]) * b[8 * r + e % 8];
      sum += product, size += std::fabs(product);
    }
    EXPECT_NEAR(out[e], static_cast<double>(sum), 1e-14 * static_cast<double>(size));
  }
}

std::vector<const MomentKernel*> kernels_of_this_build() {
  std::size_t count = 0;
  const MomentKernel* const* kernels = moment_kernels(&count);
  return {kernels, kernels + count};
}

class EveryMomentKernel : public ::testing::TestWithParam<const MomentKernel*> {};

TEST_P(EveryMomentKernel, GivesTheBitsOfTheReference) {
  const MomentKernel& kernel = *GetParam();
  if (!has_isa(detected_isa(), kernel.required)) GTEST_SKIP() << "this machine does not run " << kernel.name;
  testing::Random random(2);
  for (const std::size_t rows : {0, 1, 2, 3, 7, 8, 127, 128, 129, 200, 256, 1000}) {
    const std::vector<double> a = panel(random, rows), b = panel(random, rows);
    double expected[64], out[66];
    std::fill(std::begin(out), std::end(out), 42.0);
    kMomentsScalar.products(a.data(), b.data(), rows, expected);
    kernel.products(a.data(), b.data(), rows, out + 1);
    ASSERT_EQ(std::memcmp(expected, out + 1, sizeof expected), 0) << rows;
    ASSERT_EQ(out[0], 42.0);
    ASSERT_EQ(out[65], 42.0);
    kernel.products(a.data(), a.data(), rows, out);  // a tile of the diagonal
    kMomentsScalar.products(a.data(), a.data(), rows, expected);
    ASSERT_EQ(std::memcmp(expected, out, sizeof expected), 0) << rows;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryMomentKernel, ::testing::ValuesIn(kernels_of_this_build()),
                         [](const auto& p) {
                           std::string name = p.param->name;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST(MomentKernel, TheReferenceIsLast) {
  EXPECT_EQ(kernels_of_this_build().back(), &kMomentsScalar);
}

}  // namespace
}  // namespace lowbit::kernels
