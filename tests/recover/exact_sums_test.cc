// SPDX-License-Identifier: Apache-2.0
#include "recover/exact_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/random.h"

namespace lowbit::detail {
namespace {

struct Bytes {
  std::vector<std::int64_t> all;
  void operator()(const char*, std::int32_t& top) { all.push_back(top); }
  void operator()(const char*, std::vector<std::int64_t>& digits) {
    all.insert(all.end(), digits.begin(), digits.end());
  }
};

std::vector<std::int64_t> bytes_of(ExactSums sums) {
  Bytes b;
  sums.visit(b);
  return b.all;
}

/// A sample: values with one bound.
struct Values {
  double bound;
  std::vector<double> values;
};

std::vector<Values> random_samples(std::uint64_t seed, std::size_t count, std::size_t size, int spread) {
  testing::Random random(seed);
  std::vector<Values> samples(count);
  for (Values& s : samples) {
    s.bound = std::ldexp(1.0, static_cast<int>(random.integer(-spread, spread)));
    for (std::size_t i = 0; i < size; ++i)
      s.values.push_back(random.integer(0, 9) == 0 ? 0.0
                                                   : s.bound * 0.999 * static_cast<double>(random.uniform()));
  }
  return samples;
}

void add(ExactSums& sums, const Values& s) {
  sums.raise(ExactSums::top_for(s.bound));
  sums.add(s.values.data(), s.values.size(), 0);
}

TEST(ExactSums, AreCloseToTheSum) {
  for (const int spread : {0, 1, 10}) {
    const std::vector<Values> samples = random_samples(1, 400, 9, spread);
    ExactSums sums(9);
    double largest = 0;
    for (const Values& s : samples) add(sums, s), largest = std::max(largest, s.bound);
    for (std::size_t i = 0; i < 9; ++i) {
      long double exact = 0;
      for (const Values& s : samples) exact += s.values[i];
      EXPECT_NEAR(sums[i], static_cast<double>(exact), 400 * largest * 0x1p-39);
    }
  }
}

TEST(ExactSums, DoNotDependOnOrderOrMerging) {
  for (const int spread : {1, 30, 100, 140}) {
    std::vector<Values> samples = random_samples(static_cast<std::uint64_t>(spread), 60, 5, spread);
    samples.push_back({0.0, std::vector<double>(5, 0.0)});
    ExactSums whole(5);
    for (const Values& s : samples) add(whole, s);
    const std::vector<std::int64_t> expected = bytes_of(whole);
    testing::Random random(7);
    for (int round = 0; round < 30; ++round) {
      for (std::size_t i = samples.size(); i-- > 1;)
        std::swap(samples[i],
                  samples[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
      std::vector<ExactSums> parts(static_cast<std::size_t>(random.integer(1, 6)), ExactSums(5));
      for (const Values& s : samples)
        add(parts[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(parts.size()) - 1))],
            s);
      while (parts.size() > 1) {  // in any tree
        const auto at =
            static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(parts.size()) - 2));
        parts[at].merge(parts[at + 1]);
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
      ASSERT_EQ(bytes_of(parts[0]), expected) << spread << " " << round;
    }
  }
}

// Halves of digits go to the even one, whichever sample comes first.
TEST(ExactSums, TiesDoNotDependOnOrder) {
  for (const double x : {0.5, 1.5, -2.5, 0x1p38 + 0.5, 0x1.8p-40, -0x1p-41}) {
    const Values small{0x1.fp38, {x}}, large{0x1p78, {0x1p70}};
    ExactSums a(1), b(1);
    add(a, small), add(a, large);
    add(b, large), add(b, small);
    EXPECT_EQ(bytes_of(a), bytes_of(b)) << x;
  }
}

TEST(ExactSums, GridsFollowBounds) {
  EXPECT_EQ(ExactSums::top_for(0.0), ExactSums::kEmpty);
  EXPECT_EQ(ExactSums::top_for(0x1p38), 0);
  EXPECT_EQ(ExactSums::top_for(0x1p39), 1);
  EXPECT_EQ(ExactSums::top_for(0x1.fffp38), 0);
  EXPECT_EQ(ExactSums::top_for(0x1p-1), 0);
  EXPECT_EQ(ExactSums::top_for(0x1p-2), -1);
  EXPECT_EQ(ExactSums::top_for(0x1p-297), -8);
  EXPECT_EQ(ExactSums::top_for(0x1p288), 7);
}

}  // namespace
}  // namespace lowbit::detail
