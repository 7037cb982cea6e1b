// SPDX-License-Identifier: Apache-2.0
// Every depthwise kernel of the table against the scalar reference, bit for bit, and the reference against
// the formula of depthwise_kernel.h written out once more.
#include "lowbit/kernels/depthwise_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/depthwise_case.h"
#include "lowbit/kernels/cpu.h"
#include "support/effort.h"

namespace lowbit::kernels {
namespace {

using testing::DepthwiseCase;
using testing::DepthwiseOptions;
using testing::Random;

constexpr std::uint64_t kRandomCases = testing::affordable(2500);

/// Sets the output size; false when the window does not fit.
bool set_output(DepthwiseShape& s, std::uint32_t pad_bottom, std::uint32_t pad_right) {
  const std::int64_t height = std::int64_t{s.in_height} + s.pad_top + pad_bottom -
                              std::int64_t{s.kernel_height - 1} * s.dilation_height - 1;
  const std::int64_t width = std::int64_t{s.in_width} + s.pad_left + pad_right -
                             std::int64_t{s.kernel_width - 1} * s.dilation_width - 1;
  if (height < 0 || width < 0) return false;
  s.out_height = static_cast<std::uint32_t>(height / s.stride_height + 1);
  s.out_width = static_cast<std::uint32_t>(width / s.stride_width + 1);
  return true;
}

DepthwiseShape random_shape(Random& random) {
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return static_cast<std::uint32_t>(random.integer(lo, hi));
  };
  DepthwiseShape s;
  do {
    s.channels = pick(1, random.integer(0, 2) ? 80 : 200);
    s.in_height = pick(1, 14);
    s.in_width = pick(1, random.integer(0, 3) ? 14 : 60);
    const bool usual = random.integer(0, 2) == 0;  // 3x3, which has a path of its own
    s.kernel_height = usual ? 3 : pick(1, 5);
    s.kernel_width = usual ? 3 : pick(1, 5);
    s.stride_height = usual ? pick(1, 2) : pick(1, 3);
    s.stride_width = usual ? s.stride_height : pick(1, 3);
    s.dilation_height = usual || random.integer(0, 1) ? 1 : pick(1, 3);
    s.dilation_width = usual || random.integer(0, 1) ? 1 : pick(1, 3);
    s.pad_top = pick(0, 3);
    s.pad_left = pick(0, 3);
  } while (!set_output(s, pick(0, 3), pick(0, 3)));
  return s;
}

std::int64_t sum_of(const DepthwiseCase& c, std::int64_t oy, std::int64_t ox, std::uint32_t channel) {
  const DepthwiseShape& s = c.shape();
  const std::size_t taps = std::size_t{s.kernel_height} * s.kernel_width;
  std::int64_t sum = 0;
  for (std::size_t t = 0; t < taps; ++t) {
    const auto ky = static_cast<std::int64_t>(t) / s.kernel_width;
    const auto kx = static_cast<std::int64_t>(t) % s.kernel_width;
    const std::int64_t y = oy * s.stride_height + ky * s.dilation_height - s.pad_top;
    const std::int64_t x = ox * s.stride_width + kx * s.dilation_width - s.pad_left;
    std::ptrdiff_t pixel = c.args().zero_offset;
    if (y >= 0 && y < s.in_height && x >= 0 && x < s.in_width)
      pixel = (y * s.in_width + x) * static_cast<std::ptrdiff_t>(s.in_pixel_bytes);
    sum += std::int64_t{c.args().in[pixel + channel]} * c.weights()[channel * taps + t];
  }
  return sum;
}

void expect_formula(DepthwiseCase& c, const std::vector<std::uint8_t>& got) {
  const Epilogue& e = c.args().epilogue;
  for (std::uint32_t y = c.args().first_row; y < c.args().last_row; ++y)
    for (std::uint32_t x = 0; x < c.shape().out_width; ++x)
      for (std::uint32_t j = 0; j < c.shape().channels; ++j) {
        const std::size_t pixel = std::size_t{y} * c.shape().out_width + x;
        std::int64_t v = sum_of(c, y, x, j);
        if (e.column_constant) v += e.column_constant[j];
        if (e.row_a) v -= std::int64_t{e.row_a[0]} * e.col_a[j];
        const auto integer = static_cast<std::int32_t>(static_cast<std::uint64_t>(v));
        const std::size_t element = e.out == OutType::u8 ? 1 : 4;
        const std::uint8_t* at = got.data() + pixel * c.args().out_pixel_bytes + j * element;
        if (e.out == OutType::s32) {
          ASSERT_EQ(std::memcmp(at, &integer, 4), 0) << y << "," << x << "," << j;
          continue;
        }
        auto f = static_cast<float>(integer);
        if (e.multiplier) f *= e.multiplier[j];
        if (e.row_scale) f *= e.row_scale[0];
        if (e.addend) f += e.addend[j];
        if (e.residual) {
          const std::uint8_t r = e.residual[pixel * e.residual_row_bytes + j];
          const float scaled = (static_cast<float>(r) - e.residual_zero) * e.residual_scale;
          f += scaled;
        }
        f = f < e.lo ? e.lo : f;
        f = f > e.hi ? e.hi : f;
        if (e.out == OutType::f32) {
          ASSERT_EQ(std::memcmp(at, &f, 4), 0) << y << "," << x << "," << j;
        } else {
          ASSERT_EQ(int(*at), int(std::nearbyintf(f)) + e.zero_point) << y << "," << x << "," << j;
        }
      }
}

const DepthwiseKernel& reference() {
  return select_depthwise_kernel(Isa::scalar);
}

TEST(DepthwiseReference, GivesTheFormula) {
  Random random(31);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    DepthwiseShape shape = random_shape(random);
    shape.channels = shape.channels % 20 + 1;
    DepthwiseCase c(seed, shape, {.extreme = random.integer(0, 7) == 0});
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + c.describe());
    expect_formula(c, c.run(reference()));
    if (HasFatalFailure()) return;
  }
}

std::vector<const DepthwiseKernel*> all_kernels() {
  std::size_t count = 0;
  const DepthwiseKernel* const* kernels = depthwise_kernels(&count);
  return {kernels, kernels + count};
}

class EveryDepthwiseKernel : public ::testing::TestWithParam<const DepthwiseKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), GetParam()->required))
      GTEST_SKIP() << "this machine, or LOWBIT_ISA, has no " << isa_name(GetParam()->required);
  }
  /// Runs the case with this kernel and with the reference; the bytes must be equal.
  void expect_same(DepthwiseCase& c) {
    const std::vector<std::uint8_t> expected = c.run(reference()), got = c.run(*GetParam());
    ASSERT_EQ(got.size(), expected.size());
    ASSERT_EQ(std::memcmp(got.data(), expected.data(), got.size()), 0);
  }
};

TEST_P(EveryDepthwiseKernel, RandomShapesGiveTheBitsOfTheReference) {
  Random random(32);
  for (std::uint64_t seed = 0; seed < kRandomCases; ++seed) {
    DepthwiseCase c(seed, random_shape(random), {.extreme = random.integer(0, 7) == 0});
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + c.describe());
    expect_same(c);
    if (HasFatalFailure()) return;
  }
}

TEST_P(EveryDepthwiseKernel, EveryNumberOfChannels) {
  for (std::uint32_t channels = 1; channels <= 200; ++channels) {
    for (const std::uint32_t stride : {1u, 2u}) {
      DepthwiseShape s{.channels = channels, .in_height = 9, .in_width = 8};
      s.kernel_height = s.kernel_width = 3;
      s.stride_height = s.stride_width = stride;
      s.pad_top = s.pad_left = 1;
      ASSERT_TRUE(set_output(s, 1, 1));
      DepthwiseCase c(channels * 2 + stride, s);
      SCOPED_TRACE(c.describe());
      expect_same(c);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EveryDepthwiseKernel, LargeWindows) {
  struct Window {
    std::uint32_t height, width, dilation_height, dilation_width;
  };
  for (const Window& w : {Window{7, 7, 1, 1},
                          {9, 9, 1, 1},
                          {31, 31, 1, 1},
                          {1, 31, 1, 1},
                          {31, 1, 1, 1},
                          {3, 3, 1, 40},
                          {3, 3, 24, 24},
                          {2, 70, 1, 1},
                          {64, 2, 1, 3},
                          {5, 5, 6, 6}}) {
    for (const std::uint32_t stride : {1u, 2u, 5u}) {
      for (const int limit : {127, 255}) {
        DepthwiseShape s{.channels = 37, .in_height = 20, .in_width = 23};
        s.kernel_height = w.height, s.kernel_width = w.width;
        s.dilation_height = w.dilation_height, s.dilation_width = w.dilation_width;
        s.stride_height = s.stride_width = stride;
        s.pad_top = (w.height - 1) * w.dilation_height / 2;
        s.pad_left = (w.width - 1) * w.dilation_width / 2;
        ASSERT_TRUE(set_output(s, s.pad_top, s.pad_left));
        DepthwiseCase c(w.height * 100 + w.width + stride, s, {.weight_limit = limit});
        SCOPED_TRACE(c.describe());
        expect_same(c);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(EveryDepthwiseKernel, ExtremeCodesDoNotSaturate) {
  for (const int limit : {127, 128, 255}) {
    for (const std::uint32_t kernel : {3u, 5u, 31u}) {
      for (const std::uint32_t stride : {1u, 2u}) {
        DepthwiseShape s{.channels = 70, .in_height = 33, .in_width = 34};
        s.kernel_height = s.kernel_width = kernel;
        s.stride_height = s.stride_width = stride;
        ASSERT_TRUE(set_output(s, 0, 0));
        DepthwiseCase c(kernel, s, {.extreme = true, .weight_limit = limit});
        SCOPED_TRACE(c.describe() + " weights " + std::to_string(limit));
        expect_same(c);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(EveryDepthwiseKernel, ExpandRepeatsEveryCode) {
  static testing::GuardedBuffer in_buffer(1 << 16), out_buffer(1 << 20);
  Random random(33);
  for (std::uint32_t channels = 1; channels <= 70; ++channels) {
    for (const std::uint32_t multiplier : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 15u, 16u, 17u, 40u}) {
      const std::size_t readable = (channels + 3) / 4 * 4, pixels = 5, n = std::size_t{channels} * multiplier;
      DepthwiseExpand e{.pixels = pixels, .channels = channels, .multiplier = multiplier};
      e.in_pixel_bytes = readable + static_cast<std::size_t>(random.integer(0, 1)) * 4;
      e.out_pixel_bytes = n + static_cast<std::size_t>(random.integer(0, 3));
      const std::size_t in_bytes = e.in_pixel_bytes * (pixels - 1) + readable;
      const std::size_t out_bytes = e.out_pixel_bytes * (pixels - 1) + n;
      auto* in = in_buffer.place<std::uint8_t>(in_bytes);
      for (std::size_t i = 0; i < in_bytes; ++i) in[i] = static_cast<std::uint8_t>(random.next());
      e.in = in;
      e.out = out_buffer.place<std::uint8_t>(out_bytes);
      std::memset(e.out, 0xCD, out_bytes);
      GetParam()->expand(e);
      for (std::size_t p = 0; p < pixels; ++p)
        for (std::size_t o = 0; o < std::min(e.out_pixel_bytes, out_bytes - p * e.out_pixel_bytes); ++o) {
          const std::uint8_t expected = o < n ? in[p * e.in_pixel_bytes + o / multiplier] : 0xCD;
          ASSERT_EQ(e.out[p * e.out_pixel_bytes + o], expected)
              << channels << " channels, multiplier " << multiplier << ", pixel " << p << ", code " << o;
        }
    }
  }
}

// Hashes of results over fixed cases, the same constants on x86-64 and aarch64 and for every kernel.
TEST_P(EveryDepthwiseKernel, GoldenHashes) {
  struct Golden {
    std::uint32_t channels, size, kernel, stride, dilation;
    std::uint64_t hash;
  };
  constexpr Golden kGolden[] = {
      {144, 14, 3, 1, 1, 0xC338961A04068249u}, {144, 14, 3, 2, 1, 0xAB193057DD4B3DB4u},
      {96, 9, 5, 1, 1, 0x5CEC195878EB4665u},   {40, 11, 5, 2, 1, 0x6AA2F9ACE87FDDD9u},
      {24, 13, 3, 1, 2, 0xA30E66DA31282DBBu},  {7, 10, 7, 1, 1, 0xBAE504155DA5A2BFu},
  };
  for (const Golden& g : kGolden) {
    std::uint64_t hash = testing::fnv1a(nullptr, 0);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      DepthwiseShape s{.channels = g.channels, .in_height = g.size, .in_width = g.size};
      s.kernel_height = s.kernel_width = g.kernel;
      s.stride_height = s.stride_width = g.stride;
      s.dilation_height = s.dilation_width = g.dilation;
      s.pad_top = s.pad_left = (g.kernel - 1) * g.dilation / 2;
      ASSERT_TRUE(set_output(s, s.pad_top, s.pad_left));
      DepthwiseCase c(1000 + seed, s);
      const std::vector<std::uint8_t> bytes = c.run(*GetParam());
      hash = testing::fnv1a(bytes.data(), bytes.size(), hash);
    }
    EXPECT_EQ(hash, g.hash) << g.size << "x" << g.size << "x" << g.channels << " kernel " << g.kernel
                            << std::hex << " hash 0x" << hash;
  }
}

std::string kernel_test_name(const ::testing::TestParamInfo<const DepthwiseKernel*>& info) {
  std::string name = info.param->name;
  for (char& ch : name)
    if (ch == '/') ch = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryDepthwiseKernel, ::testing::ValuesIn(all_kernels()), kernel_test_name);

}  // namespace
}  // namespace lowbit::kernels
