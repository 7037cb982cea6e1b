// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/observe/moving_average.h"
#include "lowbit/observe/sqnr.h"

namespace lowbit {
namespace {

// An observer of the user's own: the mean of the pieces' extremes.
struct AverageMinMax {
  double min = 0, max = 0;
  int pieces = 0;
  void observe(std::span<const float> x) {
    const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
    min += *lo, max += *hi, ++pieces;
  }
  void merge(const AverageMinMax& o) { min += o.min, max += o.max, pieces += o.pieces; }
  Range range(IntRange) const { return {float(min / pieces), float(max / pieces)}; }
};

static_assert(Observer<AverageMinMax> && Observer<MinMaxObserver> && Observer<HistogramObserver>);
static_assert(!Observer<int>);
static_assert(PersistentObserver<MinMaxObserver> && PersistentObserver<HistogramObserver> &&
              !PersistentObserver<AverageMinMax>);
static_assert(DistributionObserver<HistogramObserver> && !DistributionObserver<MinMaxObserver>);

TEST(AnyObserver, HoldsAUsersObserverAsAValue) {
  AnyObserver a = AverageMinMax{};
  a.observe(std::vector<float>{-1, 2});
  AnyObserver copy = a;
  copy.observe(std::vector<float>{-3, 4});
  EXPECT_EQ(a.range({}), (Range{-1, 2}));
  EXPECT_EQ(copy.range({}), (Range{-2, 3}));
  a.merge(copy);
  EXPECT_EQ(a.range({}), (Range{float(-5 / 3.0), float(8 / 3.0)}));
}

TEST(AnyObserver, RefusesToMergeAnotherType) {
  AnyObserver a = MinMaxObserver{};
  EXPECT_THROW(a.merge(AnyObserver(HistogramObserver{})), Error);
  EXPECT_NO_THROW(a.merge(AnyObserver(MinMaxObserver{})));
}

TEST(AnyObserver, SavesAndRestoresWhatWasSeen) {
  for (const std::string& name : known_observers()) {
    AnyObserver a = make_observer(name), b = make_observer(name);
    a.observe(std::vector<float>{-1, 2, 0, 1e-40f, INFINITY, -0.0f, -3e38f});
    EXPECT_NE(a.state(), b.state());
    b.observe(std::vector<float>{7});
    b.set_state(a.state());
    EXPECT_EQ(a.state(), b.state());
    EXPECT_EQ(a.range({-8, 7}), b.range({-8, 7}));
    auto cut = a.state();
    cut.pop_back();
    try {
      b.set_state(cut);
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::corrupt_file);
    }
    b.set_state(make_observer(name).state());
    EXPECT_EQ(b.range({}), (Range{0, 0}));
  }
  try {
    AnyObserver(AverageMinMax{}).state();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
  }
}

// Told the number of each batch; keeps the last batch's largest value.
struct LastBatch {
  std::uint64_t last = 0;
  float max = 0;
  void observe(std::span<const float> x) { observe(x, last + 1); }
  void observe(std::span<const float> x, std::uint64_t batch) {
    if (batch >= last) last = batch, max = *std::max_element(x.begin(), x.end());
  }
  void merge(const LastBatch& o) {
    if (o.last >= last) *this = o;
  }
  Range range(IntRange) const { return {0, max}; }
};

TEST(AnyObserver, TellsTheNumberOfABatch) {
  static_assert(BatchObserver<LastBatch> && !BatchObserver<MinMaxObserver>);
  AnyObserver a = LastBatch{}, b = MinMaxObserver{};
  for (AnyObserver* o : {&a, &b}) {
    o->observe(std::vector<float>{3}, 7);
    o->observe(std::vector<float>{5}, 4);
  }
  EXPECT_EQ(a.range({}), (Range{0, 3}));
  EXPECT_EQ(b.range({}), (Range{3, 5}));
  EXPECT_EQ(a.distribution(), nullptr);
  AnyObserver h = HistogramObserver{};
  h.observe(std::vector<float>{3, NAN});
  EXPECT_EQ(h.distribution()->count(), 2u);
}

TEST(MakeObserver, KnowsItsNames) {
  std::vector<std::string> names = known_observers();
  EXPECT_EQ(names.size(), 17u);
  for (const char* other : {"p50", "p100", "p0.5-one-sided"}) names.emplace_back(other);
  for (const std::string& name : names) {
    AnyObserver a = make_observer(name), b = make_observer(name);
    a.observe(std::vector<float>{-1, 2});
    b.merge(a);
    EXPECT_EQ(a.state(), b.state()) << name;
  }
  for (const char* bad : {"p", "p0", "p-1", "p101", "pNaN", "p9x", "p1e1", "99.9", "p99-", "mse-two-sided"})
    EXPECT_THROW(make_observer(bad), Error) << bad;
  try {
    make_observer("mean");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(
        e.what(),
        "unknown observer 'mean'; known are 'minmax', 'moving-average', 'batch-mean', 'batch-median', "
        "'batch-robust', 'histogram', 'mse', 'mse-one-sided', 'sqnr', 'entropy', 'aciq', 'p99.9' and "
        "other percentages, and 'p99.9-one-sided' and such");
  }
}

TEST(MakeObserver, OtherOptionsDoNotMerge) {
  const auto refused = [](AnyObserver a, const AnyObserver& b) {
    try {
      a.merge(b);
      return false;
    } catch (const Error& e) {
      return e.code() == ErrorCode::invalid_argument;
    }
  };
  EXPECT_TRUE(refused(make_observer("p99.9"), make_observer("p99.99")));
  EXPECT_TRUE(refused(make_observer("p99.9"), make_observer("p99.9-one-sided")));
  EXPECT_TRUE(refused(make_observer("mse"), make_observer("mse-one-sided")));
  EXPECT_TRUE(refused(make_observer("mse"), make_observer("histogram")));
  EXPECT_TRUE(refused(SqnrObserver{}, SqnrObserver{1}));
  EXPECT_TRUE(refused(MovingAverageObserver{}, MovingAverageObserver{0.1}));
  EXPECT_FALSE(refused(make_observer("p99.9"), make_observer("p99.90")));
}

}  // namespace
}  // namespace lowbit
