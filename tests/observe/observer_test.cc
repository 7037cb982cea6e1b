#include "lowbit/observe/observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/minmax.h"

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

static_assert(Observer<AverageMinMax> && Observer<MinMax> && Observer<Histogram>);
static_assert(!Observer<int>);

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
  AnyObserver a = MinMax{};
  EXPECT_THROW(a.merge(AnyObserver(Histogram{})), Error);
  EXPECT_NO_THROW(a.merge(AnyObserver(MinMax{})));
}

TEST(MakeObserver, KnowsItsNames) {
  AnyObserver m = make_observer("minmax");
  m.merge(AnyObserver(MinMax{}));
  AnyObserver h = make_observer("histogram");
  h.merge(AnyObserver(Histogram{}));
  try {
    make_observer("entropy");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "unknown observer 'entropy'; known are 'minmax' and 'histogram'");
  }
}

}  // namespace
}  // namespace lowbit
