// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/batch_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/batch_median.h"
#include "lowbit/observe/batch_robust.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/observe/moving_average.h"
#include "observe/distributions.h"

namespace lowbit {
namespace {

struct Ends {
  std::vector<double> min, max;
};

double middle(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return (x[(x.size() - 1) / 2] + x[x.size() / 2]) / 2;
}
double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / double(x.size());
}

void expect_range(Range r, double min, double max, const std::string& where) {
  const Range expected{float(min), float(max)};
  for (const IntRange codes : {unsigned_range(8), signed_range(3)})
    for (const Mapping mapping : {Mapping::asymmetric, Mapping::symmetric})
      EXPECT_EQ(choose_qparams(r, codes, mapping), choose_qparams(expected, codes, mapping)) << where;
  EXPECT_EQ(r, expected) << where;
}

TEST(BatchRangeObserver, AveragesAreThoseOfAllBatchesInOrder) {
  for (const auto& d : testing::distributions())
    for (const std::size_t batches : {1u, 2u, 5u, 40u}) {
      MovingAverageObserver moving, quick(0.5);
      BatchMeanObserver means;
      BatchMedianObserver medians;
      BatchRobustObserver robust;
      Ends ends;
      for (std::size_t i = 0; i < batches; ++i) {
        auto x = draw(d, 50, i);
        if (i % 9 == 4) x[3] *= 100;
        const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
        ends.min.push_back(double(*lo)), ends.max.push_back(double(*hi));
      }
      for (std::size_t i = batches; i-- > 0;) {  // backwards
        auto x = draw(d, 50, i);
        if (i % 9 == 4) x[3] *= 100;
        moving.observe(x, i), quick.observe(x, i), means.observe(x, i), medians.observe(x, i),
            robust.observe(x, i);
      }
      const auto fade = [](const std::vector<double>& x, double constant) {
        double average = x[0];
        for (std::size_t i = 1; i < x.size(); ++i) average = average + constant * (x[i] - average);
        return average;
      };
      expect_range(moving.range({}), fade(ends.min, 0.01), fade(ends.max, 0.01), d.name);
      expect_range(quick.range({}), fade(ends.min, 0.5), fade(ends.max, 0.5), d.name);
      expect_range(means.range({}), mean(ends.min), mean(ends.max), d.name);
      expect_range(medians.range({}), middle(ends.min), middle(ends.max), d.name);
      const auto typical = [](const std::vector<double>& x, std::size_t i) {
        std::vector<double> distances;
        for (const double v : x) distances.push_back(std::fabs(v - middle(x)));
        return std::fabs(x[i] - middle(x)) <= 3 * 1.4826 * middle(distances);
      };
      Ends kept;
      for (std::size_t i = 0; i < batches; ++i)
        if (typical(ends.min, i) && typical(ends.max, i))
          kept.min.push_back(ends.min[i]), kept.max.push_back(ends.max[i]);
      if (kept.min.empty())
        expect_range(robust.range({}), middle(ends.min), middle(ends.max), d.name);
      else
        expect_range(robust.range({}), mean(kept.min), mean(kept.max), d.name);
    }
}

TEST(BatchRangeObserver, WithoutNumbersABatchComesAfterTheLast) {
  MovingAverageObserver counted, numbered;
  numbered.observe(std::vector<float>{-1, 3}, 5);
  numbered.observe(std::vector<float>{-2, 1});
  numbered.observe(std::vector<float>{NAN});
  numbered.observe(std::vector<float>{});
  numbered.observe(std::vector<float>{0, 8});
  EXPECT_EQ(numbered.batches(), 4u);
  EXPECT_EQ(numbered.non_finite(), 1u);
  for (const std::vector<float>& x : std::vector<std::vector<float>>{{-1, 3}, {-2, 1}, {0, 8}})
    counted.observe(x);
  EXPECT_EQ(counted.range({}), numbered.range({}));
  EXPECT_THROW(numbered.observe(std::vector<float>{1}, std::uint64_t{1} << 63), Error);
  numbered.observe(std::vector<float>{1}, (std::uint64_t{1} << 63) - 1);
  EXPECT_THROW(numbered.observe(std::vector<float>{1}), Error);
}

TEST(BatchRangeObserver, TakesEightBytesABatch) {
  BatchMeanObserver m;
  for (std::uint64_t b = 0; b < 1000; ++b) m.observe(std::vector<float>{float(b)}, 999 - b);
  EXPECT_EQ(m.state().size(), 8u + 16 + 8 * 1000);
  m.observe(std::vector<float>{1}, 2000);
  EXPECT_EQ(m.state().size(), 8u + 16 + 8 * 1000 + 16 + 8);
}

TEST(BatchRangeObserver, RefusesStatesThatItDoesNotMake) {
  BatchMeanObserver m;
  m.observe(std::vector<float>{1, 2}, 3), m.observe(std::vector<float>{1, 2}, 5);
  const auto good = m.state();
  ASSERT_EQ(good.size(), 8u + 24 + 24);
  const auto refused = [&](std::size_t at, auto value) {
    auto bytes = good;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    BatchMeanObserver read;
    try {
      read.set_state(bytes);
      return false;
    } catch (const Error& e) {
      return e.code() == ErrorCode::corrupt_file;
    }
  };
  EXPECT_FALSE(refused(0, std::uint64_t{7}));
  EXPECT_TRUE(refused(16, std::uint64_t{0}));
  EXPECT_TRUE(refused(16, ~std::uint64_t{0}));
  EXPECT_TRUE(refused(16, std::uint64_t{1} << 62));
  EXPECT_TRUE(refused(32, std::uint64_t{3}));  // the same batch
  EXPECT_TRUE(refused(32, std::uint64_t{4}));  // touches the run before
  EXPECT_TRUE(refused(32, std::uint64_t{1} << 63));
  EXPECT_TRUE(refused(24, 2.5f));
  EXPECT_TRUE(refused(24, -0.0f));
  EXPECT_TRUE(refused(24, NAN));
  EXPECT_TRUE(refused(28, INFINITY));
}

TEST(BatchRangeObserver, RefusesImpossibleConstants) {
  for (const double bad : {0.0, -0.1, 1.1, double(NAN)}) EXPECT_THROW(MovingAverageObserver{bad}, Error);
}

}  // namespace
}  // namespace lowbit
