// SPDX-License-Identifier: Apache-2.0
// What holds for every observer with a name: the bytes of its state depend on the values and the batches they
// were in only, damaged bytes are refused, and non-finite values count but do not matter.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/moving_average.h"
#include "lowbit/observe/observer.h"
#include "lowbit/observe/percentile.h"
#include "observe/distributions.h"
#include "support/effort.h"
#include "support/infinity.h"

namespace lowbit {
namespace {

struct Batch {
  std::uint64_t number;
  std::vector<float> values;
};

template <class T>
void shuffle(std::vector<T>& v, testing::Random& random) {
  for (std::size_t i = v.size(); i > 1; --i)
    std::swap(v[i - 1], v[std::size_t(random.integer(0, std::int64_t(i) - 1))]);
}

// Values of every exponent, zeros of both signs and what is not finite; batches 3, 4, ... with gaps.
std::vector<Batch> batches() {
  testing::Random random(7);
  std::vector<Batch> result;
  for (std::uint64_t b = 3; b < 60; b += b % 7 == 0 ? 3 : 1) {
    std::vector<float> x(std::size_t(random.integer(1, 90)));
    for (float& v : x) v = std::ldexp(random.uniform(), static_cast<int>(random.integer(-150, 127)));
    if (b % 3 == 0) x.insert(x.end(), {0.0f, -0.0f, NAN, kInf, -kInf, 1e-45f, -1e-45f});
    if (b % 10 == 4) x = {NAN, -kInf};
    if (b % 10 == 5) x = {-0.0f};
    result.push_back({b, x});
  }
  return result;
}

class EveryObserver : public ::testing::TestWithParam<std::string> {
 protected:
  AnyObserver make() const { return make_observer(GetParam()); }
  AnyObserver whole() const {
    AnyObserver o = make();
    for (const Batch& b : batches()) o.observe(b.values, b.number);
    return o;
  }
};

TEST_P(EveryObserver, StateIsTheSameForEverySplit) {
  const AnyObserver expected = whole();
  testing::Random random(8);
  for (std::size_t parts = 1; parts <= 16; ++parts) {
    if (!testing::affords(parts - 1)) continue;
    // Every batch in up to three pieces, which go to any parts, in any order.
    std::vector<Batch> pieces;
    for (const Batch& b : batches()) {
      std::vector<float> x = b.values;
      shuffle(x, random);
      const auto n = std::int64_t(x.size());
      const auto i = std::ptrdiff_t(random.integer(0, n)), j = std::ptrdiff_t(random.integer(i, n));
      pieces.push_back({b.number, {x.begin(), x.begin() + i}});
      pieces.push_back({b.number, {x.begin() + i, x.begin() + j}});
      pieces.push_back({b.number, {x.begin() + j, x.end()}});
    }
    shuffle(pieces, random);
    std::vector<AnyObserver> observers(parts, make());
    for (const Batch& p : pieces)
      observers[std::size_t(random.integer(0, std::int64_t(parts) - 1))].observe(p.values, p.number);
    // Merged in a tree of any shape; half of them through their bytes.
    shuffle(observers, random);
    while (observers.size() > 1) {
      const auto into = std::size_t(random.integer(0, std::int64_t(observers.size()) - 2));
      AnyObserver last = make();
      last.set_state(observers.back().state());
      observers[into].merge(random.next() % 2 ? last : observers.back());
      observers.pop_back();
    }
    ASSERT_EQ(observers[0].state(), expected.state()) << parts;
    for (const IntRange codes : {unsigned_range(8), signed_range(4)})
      ASSERT_EQ(observers[0].range(codes), expected.range(codes)) << parts;
  }
}

TEST_P(EveryObserver, ComesBackFromItsState) {
  const AnyObserver a = whole();
  AnyObserver b = make();
  b.observe(std::vector<float>{5, -1e30f}, 1);
  b.set_state(a.state());
  EXPECT_EQ(b.state(), a.state());
  EXPECT_EQ(b.range(unsigned_range(8)), a.range(unsigned_range(8)));
  AnyObserver c = a, d = b;
  c.observe(std::vector<float>{2}, 5), d.observe(std::vector<float>{2}, 5);
  EXPECT_EQ(c.state(), d.state());
}

// Bytes that differ from those that `state` makes are refused, or are the state of something else.
TEST_P(EveryObserver, RefusesDamagedStates) {
  const auto good = whole().state();
  const auto read = [&](const std::vector<std::byte>& bytes) {
    AnyObserver o = make();
    o.observe(std::vector<float>{5});
    const auto before = o.state();
    try {
      o.set_state(bytes);
      EXPECT_EQ(o.state(), bytes);
      EXPECT_NO_THROW(o.range(unsigned_range(4)));
      return true;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::corrupt_file);
      EXPECT_EQ(o.state(), before);  // untouched
      return false;
    }
  };
  EXPECT_TRUE(read(good));
  EXPECT_FALSE(read({}));
  for (std::size_t n = 0; n < std::min<std::size_t>(good.size(), 200); ++n)
    if (testing::affords(n)) read({good.begin(), good.begin() + std::ptrdiff_t(n)});
  EXPECT_FALSE(read({good.begin(), good.end() - 1}));
  auto longer = good;
  longer.push_back(std::byte{1});
  EXPECT_FALSE(read(longer));
  testing::Random random(9);
  int refused = 0;
  const int enough = int(testing::affordable(300));
  for (int i = 0; i < 300 && (i < enough || refused == 0); ++i) {
    auto bytes = good;
    const std::size_t at =
        std::size_t(random.integer(0, std::int64_t(std::min<std::size_t>(good.size(), 400)) - 1));
    bytes[at] ^= std::byte(1u << random.integer(0, 7));
    refused += !read(bytes);
  }
  EXPECT_GT(refused, 0);
}

TEST_P(EveryObserver, SkipsWhatIsNotFinite) {
  AnyObserver nothing = make(), bad = make();
  EXPECT_EQ(nothing.range(unsigned_range(8)), (Range{0, 0}));
  bad.observe(std::vector<float>{NAN, kInf, -kInf});
  EXPECT_EQ(bad.range(unsigned_range(8)), (Range{0, 0}));
  EXPECT_NE(bad.state(), nothing.state());  // they were counted
  nothing.merge(make());
  EXPECT_EQ(nothing.range(signed_range(2)), (Range{0, 0}));
  AnyObserver clean = make(), dirty = make();
  clean.observe(std::vector<float>{-1, 0.5f, 2, 2.5f});
  dirty.observe(std::vector<float>{NAN, -1, 0.5f, kInf, 2, -kInf, 2.5f});
  EXPECT_EQ(clean.range(unsigned_range(4)), dirty.range(unsigned_range(4)));
  if (dirty.distribution()) {
    EXPECT_EQ(dirty.distribution()->non_finite(), 3u);
  }
}

TEST_P(EveryObserver, RangesAreFiniteWhateverComes) {
  const float max = std::numeric_limits<float>::max();
  for (const std::vector<float>& x : std::vector<std::vector<float>>{{0},
                                                                     {-0.0f},
                                                                     {max},
                                                                     {-max},
                                                                     {max, -max},
                                                                     {1e-45f},
                                                                     {-1e-45f, 1e-45f},
                                                                     {1e-38f, 3e38f},
                                                                     {5, 5},
                                                                     {-5}})
    for (const IntRange codes : {IntRange{0, 1}, signed_range(2), signed_range(8, true), signed_range(16)}) {
      AnyObserver o = make();
      o.observe(x);
      const Range r = o.range(codes);
      EXPECT_TRUE(std::isfinite(r.min) && std::isfinite(r.max) && r.min <= r.max);
    }
}

std::string observer_name(const ::testing::TestParamInfo<std::string>& name) {
  std::string s = name.param;
  for (char& c : s) c = c == '-' || c == '.' ? '_' : c;
  return s;
}

INSTANTIATE_TEST_SUITE_P(All, EveryObserver, ::testing::ValuesIn(known_observers()), observer_name);

}  // namespace
}  // namespace lowbit
