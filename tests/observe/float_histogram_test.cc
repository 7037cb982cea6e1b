// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/float_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lowbit/core/error.h"
#include "observe/distributions.h"

namespace lowbit {
namespace {

// As numpy.quantile does by default, on the values.
double sorted_quantile(std::vector<float> x, double p) {
  std::sort(x.begin(), x.end());
  const double position = p * double(x.size() - 1);
  const auto rank = std::size_t(position);
  const double next = double(x[std::min(rank + 1, x.size() - 1)]);
  return double(x[rank]) + (position - double(rank)) * (next - double(x[rank]));
}

TEST(FloatHistogram, QuantilesAreOffByLessThanABin) {
  for (const auto& d : testing::distributions())
    for (const std::size_t n : {1u, 2u, 7u, 5000u}) {
      const auto x = draw(d, n, 11);
      FloatHistogram h;
      h.observe(x);
      for (const double p : {0.0, 0.001, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999, 1.0}) {
        const double exact = sorted_quantile(x, p);
        // Two neighbours, either of which may be off; a bin is 2^-8 of its value wide, or 2^-134.
        double widest = 0;
        for (const double v :
             {sorted_quantile(x, std::floor(p * double(n - 1)) / std::max(1.0, double(n - 1))),
              sorted_quantile(x, std::min(1.0, std::ceil(p * double(n - 1)) / std::max(1.0, double(n - 1))))})
          widest = std::max(widest, std::fabs(v) / 256 + 0x1p-134);
        EXPECT_NEAR(h.quantile(p), exact, widest) << d.name << n << " " << p;
      }
      EXPECT_EQ(h.quantile(0), h.min());
      EXPECT_EQ(h.quantile(1), h.max());
    }
  EXPECT_EQ(FloatHistogram{}.quantile(0.5), 0);
  for (const double p : {-0.1, 1.1, double(NAN)}) EXPECT_THROW(FloatHistogram{}.quantile(p), Error);
}

TEST(FloatHistogram, RefusesStatesThatItDoesNotMake) {
  FloatHistogram h;
  h.observe(std::vector<float>{-3, -1e-42f, 0, 2, 7, NAN});
  const auto good = h.state();
  const auto put = [&](std::size_t at, auto value) {
    auto bytes = good;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return bytes;
  };
  const auto refused = [](const std::vector<std::byte>& bytes) {
    FloatHistogram read;
    try {
      read.set_state(bytes);
      return false;
    } catch (const Error& e) {
      return e.code() == ErrorCode::corrupt_file;
    }
  };
  EXPECT_FALSE(refused(good));
  ASSERT_EQ(good.size(), 16u + 5 * 12);
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(refused({good.begin(), good.begin() + std::ptrdiff_t(n)}), true) << n;
  for (const float bad : {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 100.0f, -3.1f}) {
    EXPECT_TRUE(refused(put(8, bad))) << bad;
    EXPECT_TRUE(refused(put(12, bad))) << bad;
  }
  EXPECT_TRUE(refused(put(20, std::uint64_t{0})));        // an empty bin
  EXPECT_TRUE(refused(put(20, ~std::uint64_t{0})));       // more than can be counted
  EXPECT_TRUE(refused(put(28, std::uint32_t{0})));        // twice the same bin
  EXPECT_TRUE(refused(put(28, std::uint32_t{0xFF00})));   // infinite
  EXPECT_TRUE(refused(put(64, std::uint32_t{0x20000})));  // beyond the last
  // One value has one extreme.
  FloatHistogram one;
  one.observe(std::vector<float>{1});
  auto two_extremes = one.state();
  const float near = 1.001f;
  std::memcpy(two_extremes.data() + 12, &near, sizeof near);
  EXPECT_TRUE(refused(two_extremes));
  // Without bins the range must be zero.
  EXPECT_TRUE(refused({good.begin(), good.begin() + 16}));
}

TEST(FloatHistogram, CountsBeyondThirtyTwoBits) {
  const auto with = [](std::uint64_t count) {
    FloatHistogram h;
    h.observe(std::vector<float>{1, 3});
    auto bytes = h.state();
    std::memcpy(bytes.data() + 20, &count, sizeof count);  // of the ones
    h.set_state(bytes);
    EXPECT_EQ(h.count(), count + 1);
    return h;
  };
  for (const std::uint64_t start :
       {0x7FFFFFFFull, 0x80000000ull, 0xFFFFFFFEull, 0xFFFFFFFFull, 0x123456789ABCull}) {
    FloatHistogram h = with(start), other = with(start + 7);
    h.observe(std::vector<float>(1000, 1.0f));
    h.merge(other);
    h.merge(h);
    const auto bins = h.bins();  // one of the ones is the minimum
    ASSERT_EQ(bins.size(), 3u);
    EXPECT_EQ(bins[0].count + bins[1].count, 2 * (2 * start + 1007));
    EXPECT_EQ(h.count(), 2 * (2 * start + 1007) + 4);
    FloatHistogram read;
    read.set_state(h.state());
    EXPECT_TRUE(read == h);
  }
}

TEST(FloatHistogram, MagnitudesAreTheHistogramOfMagnitudes) {
  for (const auto& d : testing::distributions()) {
    auto x = draw(d, 3000, 12);
    FloatHistogram h, expected;
    h.observe(x);
    for (float& v : x) v = std::fabs(v);
    expected.observe(x);
    const FloatHistogram found = h.magnitudes();
    EXPECT_EQ(found.count(), expected.count());
    EXPECT_EQ(found.max(), expected.max());
    EXPECT_NEAR(double(found.min()), double(expected.min()), double(expected.min()) / 256 + 0x1p-134);
    std::uint64_t count = 0;
    for (const auto& b : found.bins()) count += b.count;
    EXPECT_EQ(count, expected.count());
    for (const double p : {0.0, 0.1, 0.5, 0.9, 1.0})
      EXPECT_NEAR(found.quantile(p), expected.quantile(p), expected.quantile(p) / 256 + 0x1p-134) << d.name;
  }
}

}  // namespace
}  // namespace lowbit
