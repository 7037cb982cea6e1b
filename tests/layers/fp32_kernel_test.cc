// SPDX-License-Identifier: Apache-2.0
// Every FP32 kernel that this machine can run, by its own interface: the product, and what the parts of a
// convolution promise.
#include "fp32/fp32_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

using fp32::Fp32Kernel;

std::vector<float> random_floats(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = random.uniform();
  return v;
}

class Fp32Kernels : public ::testing::TestWithParam<const Fp32Kernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), GetParam()->required)) GTEST_SKIP() << GetParam()->name << " cannot run here";
  }
};

std::vector<const Fp32Kernel*> all_kernels() {
  std::int64_t count = 0;
  const Fp32Kernel* const* kernels = fp32::fp32_kernels(&count);
  return {kernels, kernels + count};
}

void check_product(const Fp32Kernel& kernel, bool linear, std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::int64_t a_stride = k + 3, w_stride = k + 1, c_stride = n + 2;
  const std::vector<float> a = random_floats(m * a_stride, 1), w = random_floats(n * w_stride, 2);
  const std::vector<float> bias = random_floats(n, 3);
  std::vector<float> c(static_cast<std::size_t>(m * c_stride), 9.0f);
  const std::int64_t scratch_size = linear ? 0 : kernel.gemm_scratch(m, n, k);
  std::vector<float> scratch(static_cast<std::size_t>(scratch_size) + 32, 7.0f);
  float* aligned = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64) / 4 % 16;
  const fp32::GemmArgs args{m,        n,        k,           a.data(), a_stride, w.data(), w_stride,
                            c.data(), c_stride, bias.data(), -1.0f,    2.0f,     aligned};
  linear ? kernel.linear(args) : kernel.gemm(args);
  EXPECT_EQ(aligned[scratch_size], 7.0f) << "wrote behind its scratch";
  for (std::int64_t r = 0; r < m; ++r)
    for (std::int64_t j = 0; j < c_stride; ++j) {
      const float y = c[static_cast<std::size_t>(r * c_stride + j)];
      if (j >= n) {
        ASSERT_EQ(y, 9.0f) << "wrote beside its output";
        continue;
      }
      double expected = bias[static_cast<std::size_t>(j)];
      for (std::int64_t i = 0; i < k; ++i)
        expected += static_cast<double>(a[static_cast<std::size_t>(r * a_stride + i)]) *
                    w[static_cast<std::size_t>(j * w_stride + i)];
      expected = expected < -1.0 ? -1.0 : (expected > 2.0 ? 2.0 : expected);
      ASSERT_NEAR(y, expected, 1e-6 * static_cast<double>(k + 4)) << m << "x" << n << "x" << k;
    }
}

TEST_P(Fp32Kernels, GemmEqualsPlainLoops) {
  for (const std::int64_t m : {1, 2, 7, 50})
    for (const std::int64_t n : {1, 16, 67})
      for (const std::int64_t k : {1, 9, 130}) check_product(*GetParam(), false, m, n, k);
  check_product(*GetParam(), false, 40, 130, 1200);
}

TEST_P(Fp32Kernels, LinearEqualsPlainLoops) {
  for (const std::int64_t m : {1, 2, 7, 13})
    for (const std::int64_t n : {1, 4, 67})
      for (const std::int64_t k : {1, 9, 130, 1100}) check_product(*GetParam(), true, m, n, k);
}

/// The path for 3 x 3 windows with many channels: borders, odd sizes, blocks of lines, and no byte too many.
TEST_P(Fp32Kernels, WindowsOf3x3EqualPlainLoops) {
  const Fp32Kernel& kernel = *GetParam();
  for (const auto& [height, width, pad] :
       {std::array<std::int64_t, 3>{9, 7, 1}, {6, 8, 0}, {5, 4, 1}, {2, 30, 1}}) {
    fp32::ConvShape s;
    s.in_height = height, s.in_width = width;
    s.channels = 64, s.in_stride = 68;
    s.kernel_height = s.kernel_width = 3;
    s.pad_top = s.pad_left = pad;
    s.out_width = width + 2 * pad - 2, s.out_stride = 70;
    s.n = 64;
    const std::int64_t out_height = height + 2 * pad - 2, pixels = out_height * s.out_width;
    const auto x = random_floats(height * width * s.in_stride, 1), w = random_floats(s.n * s.k(), 2);
    const auto bias = random_floats(s.n, 3), residual = random_floats(pixels * s.out_stride, 4);
    std::vector<float> packed(static_cast<std::size_t>(kernel.conv_packed_size(s)));
    kernel.conv_pack(s, w.data(), packed.data());
    const auto scratch_size = static_cast<std::size_t>(kernel.conv_scratch(s));
    std::vector<float> scratch(scratch_size + 1, 7.0f);
    std::vector<float> y(static_cast<std::size_t>(pixels * s.out_stride), 9.0f);
    const std::int64_t unit = kernel.conv_unit(s);
    for (std::int64_t first = 0; first < pixels; first += unit * 2)
      kernel.conv({&s, first, std::min(first + unit * 2, pixels), x.data(), packed.data(), bias.data(),
                   residual.data(), y.data(), -3.0f, 3.0f, scratch.data()});
    EXPECT_EQ(scratch[scratch_size], 7.0f) << "wrote behind its scratch";
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t n = 0; n < s.out_stride; ++n) {
        const auto at = static_cast<std::size_t>(p * s.out_stride + n);
        if (n >= s.n) {
          ASSERT_EQ(y[at], 9.0f) << "wrote beside its output";
          continue;
        }
        double sum = static_cast<double>(bias[static_cast<std::size_t>(n)]) + residual[at];
        for (std::int64_t tap = 0; tap < 9; ++tap) {
          const std::int64_t iy = p / s.out_width - pad + tap / 3, ix = p % s.out_width - pad + tap % 3;
          if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
          for (std::int64_t c = 0; c < s.channels; ++c)
            sum += static_cast<double>(x[static_cast<std::size_t>((iy * width + ix) * s.in_stride + c)]) *
                   w[static_cast<std::size_t>((n * 9 + tap) * s.channels + c)];
        }
        sum = sum < -3.0 ? -3.0 : sum > 3.0 ? 3.0 : sum;
        ASSERT_NEAR(y[at], sum, 2e-5) << p << " " << n << " of " << height << "x" << width;
      }
  }
}

TEST_P(Fp32Kernels, LinearGivesANaNThatItReads) {
  const std::vector<float> a(40, 1.0f), bias(5, 0.0f);
  std::vector<float> w(200, 0.5f), c(5);
  w[2 * 40 + 33] = std::nanf("");
  GetParam()->linear({1, 5, 40, a.data(), 40, w.data(), 40, c.data(), 5, bias.data(), 0.0f, 6.0f, nullptr});
  EXPECT_TRUE(std::isnan(c[2]));
  EXPECT_EQ(c[1], 6.0f);
}

TEST_P(Fp32Kernels, PartsOfTheOutputChannelsStandAlone) {
  const Fp32Kernel& kernel = *GetParam();
  fp32::ConvShape shape;
  shape.in_height = 1;
  shape.in_width = shape.out_width = 5;
  shape.in_stride = shape.channels = 11;
  shape.n = 150;
  shape.out_stride = 150;
  const std::vector<float> x = random_floats(55, 1), w = random_floats(150 * 11, 2),
                           bias = random_floats(150, 3);
  std::vector<float> packed(static_cast<std::size_t>(kernel.conv_packed_size(shape)));
  kernel.conv_pack(shape, w.data(), packed.data());
  std::vector<float> scratch(static_cast<std::size_t>(kernel.conv_scratch(shape)));
  std::vector<float> whole(750), parts(750);
  fp32::ConvArgs args{&shape,       0,     5,    x.data(),      packed.data(), bias.data(), nullptr,
                      whole.data(), -9.0f, 9.0f, scratch.data()};
  kernel.conv(args);
  for (std::int64_t n0 = 0; n0 < 150; n0 += fp32::kFeatureStep) {
    fp32::ConvShape part = shape;
    part.n = 150 - n0 < fp32::kFeatureStep ? 150 - n0 : fp32::kFeatureStep;
    args.shape = &part;
    args.weights = packed.data() + n0 * part.k();
    args.bias = bias.data() + n0;
    args.out = parts.data() + n0;
    kernel.conv(args);
  }
  EXPECT_EQ(whole, parts);
}

INSTANTIATE_TEST_SUITE_P(All, Fp32Kernels, ::testing::ValuesIn(all_kernels()), [](const auto& k) {
  const std::string name = k.param->name;
  return name.substr(name.find('/') + 1);
});

TEST(Fp32Kernel, IsaNarrowsTheChoice) {
  EXPECT_EQ(fp32::fp32_kernel(Isa::scalar).required, Isa::scalar);
  for (const Fp32Kernel* kernel : all_kernels()) EXPECT_EQ(&fp32::fp32_kernel(kernel->required), kernel);
}

}  // namespace
}  // namespace lowbit::testing
