// SPDX-License-Identifier: Apache-2.0
// The choice of one scheme a layer against all choices there are.
#include "lowbit/search/choose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "lowbit/core/error.h"
#include "search/random_table.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::every_choice;
using testing::Random;
using testing::random_cost_table;

double goal_value(const ChoiceGoal& goal, const CostSum& sum) {
  return goal.ns * sum.ns + goal.bytes * double(sum.bytes) + goal.noise * sum.noise +
         goal.joules * sum.joules;
}

bool within(const CostSum& sum, const ChoiceLimits& limits) {
  const double slack = 1 + 1e-12;
  return sum.ns <= limits.ns * slack && double(sum.bytes) <= limits.bytes * slack &&
         sum.noise <= limits.noise * slack && sum.joules <= limits.joules * slack &&
         double(sum.memory) <= limits.memory * slack;
}

/// Somewhere between the least and the most that choices come to, or no limit.
ChoiceLimits random_limits(Random& random, const CostTable& table) {
  std::vector<CostSum> sums;
  every_choice(table, [&](const std::vector<int>& choice) { sums.push_back(add_up(table, choice)); });
  const auto of = [&](auto value) {
    if (random.next() % 2) return ChoiceLimits::kFree;
    // One of the sums itself, so that limits are met exactly, too; or a little less than all.
    return double(value(sums[random.next() % sums.size()])) * (random.next() % 8 ? 1.0 : 0.5);
  };
  ChoiceLimits limits;
  limits.ns = of([](const CostSum& s) { return s.ns; });
  limits.bytes = of([](const CostSum& s) { return s.bytes; });
  limits.noise = of([](const CostSum& s) { return s.noise; });
  limits.joules = of([](const CostSum& s) { return s.joules; });
  limits.memory = of([](const CostSum& s) { return s.memory; });
  return limits;
}

TEST(Choose, EqualsBruteForceOn500RandomTables) {
  Random random(16);
  int impossible = 0;
  for (int t = 0; t < 500; ++t) {
    const CostTable table = random_cost_table(random, 1 + t % 6, 5, t % 2 == 0);
    const ChoiceLimits limits = random_limits(random, table);
    const ChoiceGoal goal{double(random.next() % 3), double(random.next() % 3),
                          double(random.next() % 3) * 10, double(random.next() % 2)};
    double best = HUGE_VAL;
    every_choice(table, [&](const std::vector<int>& choice) {
      const CostSum sum = add_up(table, choice);
      if (within(sum, limits)) best = std::min(best, goal_value(goal, sum));
    });
    const std::optional<Choice> found = choose(table, limits, goal);
    ASSERT_EQ(found.has_value(), best < HUGE_VAL) << "table " << t;
    impossible += !found;
    if (!found) continue;
    EXPECT_TRUE(found->exact);
    EXPECT_TRUE(within(found->sum, limits)) << "table " << t;
    EXPECT_NEAR(goal_value(goal, found->sum), best, 1e-9 * (1 + best)) << "table " << t;
    const std::optional<Choice> near = choose(table, limits, goal, 500000, 0.1);
    ASSERT_TRUE(near && within(near->sum, limits)) << "table " << t;
    EXPECT_LE(goal_value(goal, near->sum) * 0.9, best + 1e-9 * (1 + best)) << "table " << t;
  }
  EXPECT_GT(impossible, 10);
  EXPECT_LT(impossible, 250);
}

/// The size of a MobileNetV2: without the gap and with more partial choices this takes minutes.
TEST(Choose, TakesNoTimeForManyLayers) {
  Random random(22);
  CostTable table;
  const char* schemes[] = {"int8", "int4", "int4-g32", "kmeans3", "int3", "ternary", "int2"};
  double most = 0;
  for (int l = 0; l < 53; ++l) {
    CostTable::Layer& layer = table.layers.emplace_back();
    layer.name = std::to_string(l);
    const double weights = 500 + double(random.next() % 100000), gain = 5 + double(random.next() % 30);
    const double bits[] = {8, 4, 4.5, 3.1, 2.9, 1.6, 1.9}, db[] = {40, 20, 23, 17, 14, 8, 7};
    for (std::size_t c = 0; c < 7; ++c)
      layer.candidates.push_back({.scheme = schemes[c],
                                  .ns = weights * (1 + 0.1 * random.uniform()),
                                  .bytes = static_cast<std::size_t>(weights * bits[c] / 8),
                                  .network_sqnr_db = gain + db[c] + random.uniform(),
                                  .codes = true});
    most += weights;
  }
  const std::optional<Choice> choice = choose(table, {.bytes = most * 0.6}, {.noise = 1}, 20000, 0.002);
  ASSERT_TRUE(choice);
  EXPECT_LE(choice->sum.bytes, most * 0.6);
  EXPECT_TRUE(choice->exact);
}

/// Files that are smaller than what is loaded: memory is counted by the larger size, the file by the smaller.
TEST(Choose, KeepsMemoryAndSizeOfCompressedFiles) {
  Random random(21);
  int found_count = 0, exact = 0;
  for (int t = 0; t < 200; ++t) {
    CostTable table = random_cost_table(random, 1 + t % 5, 5, t % 2 == 0);
    for (CostTable::Layer& layer : table.layers)
      for (CostTable::Candidate& c : layer.candidates) {
        c.loaded_bytes = c.bytes + 1;
        c.bytes = c.bytes * (50 + random.next() % 50) / 100;
      }
    const ChoiceLimits limits = random_limits(random, table);
    const ChoiceGoal goal{double(random.next() % 3), 1, double(random.next() % 3) * 10, 0};
    double best = HUGE_VAL;
    every_choice(table, [&](const std::vector<int>& choice) {
      const CostSum sum = add_up(table, choice);
      if (within(sum, limits)) best = std::min(best, goal_value(goal, sum));
    });
    const std::optional<Choice> found = choose(table, limits, goal);
    if (!found) continue;
    ++found_count;
    EXPECT_TRUE(within(found->sum, limits)) << "table " << t;
    EXPECT_GE(goal_value(goal, found->sum), best * (1 - 1e-9));
    if (!found->exact) continue;
    ++exact;
    EXPECT_NEAR(goal_value(goal, found->sum), best, 1e-9 * (1 + best)) << "table " << t;
  }
  EXPECT_GT(found_count, 100);
  EXPECT_GT(exact, 50);
}

TEST(ParetoFront, EqualsBruteForceOn500RandomTables) {
  Random random(17);
  // Noise in units in which rounding of sums does not tell equal choices apart.
  const auto point = [](const CostSum& s) { return std::tuple(s.ns, s.bytes, std::llround(s.noise * 1e12)); };
  for (int t = 0; t < 500; ++t) {
    const CostTable table = random_cost_table(random, 1 + t % 5, 5, t % 2 == 0);
    std::vector<CostSum> all;
    every_choice(table, [&](const std::vector<int>& choice) { all.push_back(add_up(table, choice)); });
    std::set<std::tuple<double, std::size_t, long long>> expected, found;
    for (const CostSum& a : all) {
      const auto pa = point(a);
      const bool beaten = std::any_of(all.begin(), all.end(), [&](const CostSum& b) {
        const auto pb = point(b);
        return pb != pa && std::get<0>(pb) <= std::get<0>(pa) && std::get<1>(pb) <= std::get<1>(pa) &&
               std::get<2>(pb) <= std::get<2>(pa);
      });
      if (!beaten) expected.insert(pa);
    }
    for (const Choice& choice : pareto_front(table)) {
      EXPECT_TRUE(choice.exact);
      found.insert(point(choice.sum));
    }
    EXPECT_EQ(found, expected) << "table " << t;
  }
}

TEST(ParetoFront, KeepsNoMoreThanAskedAndSaysSo) {
  Random random(18);
  const CostTable table = random_cost_table(random, 12, 5, false);
  const std::vector<Choice> all = pareto_front(table), some = pareto_front(table, 25);
  ASSERT_GT(all.size(), 25u);
  EXPECT_TRUE(all[0].exact);
  EXPECT_FALSE(some[0].exact);
  EXPECT_LE(some.size(), 25u);
}

TEST(Choose, SolvesNetworksOfManyLayersExactly) {
  Random random(19);
  const CostTable table = random_cost_table(random, 60, 5, false);
  std::vector<int> first(table.layers.size(), 0);
  const CostSum sum = add_up(table, first);
  const ChoiceLimits limits{.ns = sum.ns * 0.8, .bytes = double(sum.bytes) * 0.8};
  const std::optional<Choice> found = choose(table, limits, {.noise = 1});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->exact);
  EXPECT_TRUE(within(found->sum, limits));
}

TEST(Choose, RefusesWhatCannotBe) {
  Random random(20);
  CostTable table = random_cost_table(random, 3, 3, false);
  testing::error_of([&] { choose(table, {}, {.ns = -1}); }, ErrorCode::invalid_argument);
  testing::error_of([&] { add_up(table, {0}); }, ErrorCode::invalid_argument);
  table.layers[1].candidates[0].ns = NAN;
  testing::error_of([&] { pareto_front(table); }, ErrorCode::invalid_argument);
  table.layers.clear();
  testing::error_of([&] { choose(table, {}, {.ns = 1}); }, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace lowbit
