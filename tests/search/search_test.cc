// SPDX-License-Identifier: Apache-2.0
// The whole search on a small network.
#include "lowbit/search/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "lowbit/search/choose.h"
#include "search/limit_check.h"
#include "search/noise_budget.h"
#include "search/search_network.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;
using testing::search_network;
using testing::search_ranges;
using testing::search_samples;

class SearchOfSmallNetwork : public ::testing::Test {
 protected:
  SearchOptions options() const {
    SearchOptions how;
    how.candidates = {"int8", "int4", "ternary", "fp32"};
    how.layer_steps = {RecoveryStep::gptq, RecoveryStep::bias};
    how.not_slower = false;  // times of so small layers are noise
    how.margin = 0;
    return how;
  }

  /// Measured anew: how much of the answers differ from fp32's, in points.
  double drop_of(const Model& model) const {
    std::vector<float> a(static_cast<std::size_t>(held_out_.count * testing::kSearchClasses)), b(a.size());
    const auto run_all = [&](const Model& m, std::vector<float>& out) {
      Workspace workspace(m, {.batch = held_out_.count});
      const std::vector<MutableTensorView> views{
          {out.data(), Shape{held_out_.count, testing::kSearchClasses}}};
      run(m, held_out_.views(), views, workspace);
    };
    run_all(fp32_, a), run_all(model, b);
    int differ = 0;
    for (auto at = a.begin(), bt = b.begin(); at != a.end();
         at += testing::kSearchClasses, bt += testing::kSearchClasses)
      differ += std::max_element(at, at + testing::kSearchClasses) - at !=
                std::max_element(bt, bt + testing::kSearchClasses) - bt;
    return 100.0 * differ / static_cast<double>(held_out_.count);
  }

  const Model fp32_ = search_network();
  const SampleSet calibration_ = search_samples(fp32_, 60, 5), held_out_ = search_samples(fp32_, 400, 6);
};

TEST_F(SearchOfSmallNetwork, KeepsADropOfAccuracyAndTakesLessForMore) {
  SearchOptions how = options();
  how.goal = SearchGoal::bytes;
  std::size_t last = SIZE_MAX;
  for (const double drop : {2.0, 8.0, 40.0}) {
    how.limits.max_drop = drop;
    const SearchResult result = search(fp32_, calibration_, held_out_, how);
    ASSERT_TRUE(result.model);
    EXPECT_TRUE(result.keeps_limits()) << drop << ": " << (result.missed.empty() ? "" : result.missed[0]);
    EXPECT_LE(drop_of(*result.model), drop);
    const std::size_t bytes = save_to_bytes(*result.model).size();
    EXPECT_EQ(result.given.measured->file_bytes, bytes);
    EXPECT_NEAR(result.given.measured->drop, drop_of(*result.model), 1e-9);
    EXPECT_LE(bytes, last);
    last = bytes;
  }
  EXPECT_LT(last, save_to_bytes(fp32_).size() / 4);
}

TEST_F(SearchOfSmallNetwork, KeepsASizeWithTheLeastError) {
  SearchOptions how = options();
  how.limits.max_bytes = 5000;
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  ASSERT_TRUE(result.keeps_limits());
  EXPECT_LE(save_to_bytes(*result.model).size(), 5000u);
  for (const FrontPoint& uniform : result.uniform) {
    if (uniform.measured->file_bytes > 5000) continue;
    EXPECT_LE(result.given.measured->drop, uniform.measured->drop) << uniform.name;
  }
}

TEST_F(SearchOfSmallNetwork, CountsCompressedFiles) {
  SearchOptions how = options();
  how.compress = true;
  how.goal = SearchGoal::bytes;
  how.limits.max_drop = 8;
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  ASSERT_TRUE(result.model);
  EXPECT_TRUE(result.table.compressed);
  const std::size_t plain = save_to_bytes(*result.model).size(),
                    stored = save_to_bytes(*result.model, {.compress = true}).size();
  EXPECT_LT(stored, plain);
  EXPECT_EQ(result.given.measured->file_bytes, stored);
  EXPECT_EQ(result.given.measured->memory, plain + Workspace(*result.model, {.batch = 1}).bytes());
}

TEST_F(SearchOfSmallNetwork, SaysWhatIsMissedWhereNothingKeepsTheLimits) {
  SearchOptions how = options();
  how.limits.max_bytes = 100;
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  ASSERT_TRUE(result.model);
  ASSERT_EQ(result.missed.size(), 1u);
  EXPECT_TRUE(says(result.missed[0], {"bytes", "100"}));
  how.limits = {.min_speedup = 1e6};
  EXPECT_FALSE(search(fp32_, calibration_, held_out_, how).keeps_limits());
}

TEST_F(SearchOfSmallNetwork, KeepsMemoryAndEnergy) {
  SearchOptions how = options();
  const SearchResult any = search(fp32_, calibration_, held_out_, how);
  EXPECT_EQ(any.asked.max_drop, 0.5) << "where nothing is asked";
  // Between the least and the most that uniform schemes take.
  std::size_t least = SIZE_MAX;
  double joules = HUGE_VAL;
  for (const FrontPoint& point : any.uniform) {
    least = std::min(least, point.measured->memory);
    joules = std::min(joules, point.measured->joules);
  }
  how.limits = {.max_memory = least + 1500, .max_joules = joules * 1.1};
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  EXPECT_TRUE(result.keeps_limits()) << (result.missed.empty() ? "" : result.missed[0]);
  const std::size_t memory =
      save_to_bytes(*result.model).size() + Workspace(*result.model, {.batch = 1}).bytes();
  EXPECT_LE(memory, least + 1500);
}

TEST_F(SearchOfSmallNetwork, GivesSomethingWithoutTime) {
  SearchOptions how = options();
  how.seconds = 0;
  how.limits.max_drop = 50;
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  EXPECT_TRUE(result.out_of_time);
  ASSERT_TRUE(result.model);
  EXPECT_EQ(result.uniform.size(), 1u);
}

TEST_F(SearchOfSmallNetwork, RecoversTheWholeNetwork) {
  SearchOptions how = options();
  how.limits.max_drop = 30;
  RecoverOptions steps = parse_recovery("gptq,bias");
  steps.samples = 40, steps.products = 0;
  how.recover = recover(steps);
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  EXPECT_TRUE(std::any_of(result.tried.begin(), result.tried.end(),
                          [](const FrontPoint& point) { return point.recovered; }));
  ASSERT_TRUE(result.model);
  EXPECT_EQ(result.model->scheme(), result.given.name);
}

TEST_F(SearchOfSmallNetwork, PlansForAnotherMachine) {
  SearchOptions how = options();
  how.limits.max_drop = 60;
  how.goal = SearchGoal::time;
  CostTable table = search(fp32_, calibration_, held_out_, how).table;
  table.cpu = "another";
  // There int4 and conversions take next to nothing, and all else is slow.
  for (CostTable::Layer& layer : table.layers)
    for (CostTable::Candidate& c : layer.candidates) c.ns = format_scheme(c.scheme) == "int4" ? 1 : 1000;
  for (CostTable::Conversion& conversion : table.conversions)
    conversion.to_codes_ns = conversion.to_floats_ns = 1;
  how.costs = &table;
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  ASSERT_FALSE(result.notes.empty());
  EXPECT_TRUE(says(result.notes[0], {"another"}));
  for (const LayerChoice& layer : result.given.layers) EXPECT_EQ(format_scheme(layer.scheme), "int4");
  EXPECT_EQ(result.given.measured->ns, result.given.predicted.ns);

  table.model ^= 1;
  EXPECT_TRUE(
      says(error_of([&] { search(fp32_, calibration_, held_out_, how); }, ErrorCode::invalid_argument),
           {"another model"}));
  table.model = 0, table.layers[1].name = "other";
  EXPECT_TRUE(
      says(error_of([&] { search(fp32_, calibration_, held_out_, how); }, ErrorCode::invalid_argument),
           {"another model", "other", "second"}));
}

TEST_F(SearchOfSmallNetwork, NoUniformSchemeBeatsTheFront) {
  SearchOptions how = options();
  how.uniform = {"int6", "nf4", "int8"};  // int8 is a candidate
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  for (const char* name : {"int8", "int4", "ternary", "int6", "nf4"})
    EXPECT_EQ(std::count_if(result.uniform.begin(), result.uniform.end(),
                            [&](const FrontPoint& point) { return point.name == name; }),
              1)
        << name;
  ASSERT_GT(result.front.size(), 1u);
  for (const FrontPoint& uniform : result.uniform)
    for (const FrontPoint& point : result.front) {
      const NetworkMeasurement &u = *uniform.measured, &p = *point.measured;
      EXPECT_FALSE(u.ns < p.ns && u.file_bytes < p.file_bytes && u.drop < p.drop) << uniform.name;
      EXPECT_GT(u.joules, 0) << uniform.name << ": limits of energy hold for it, too";
    }
  ASSERT_GT(result.predicted_front.size(), 3u);
  for (std::size_t c = 0; c < 4; ++c) {
    const CostSum uniform = add_up(result.table, std::vector<int>(4, static_cast<int>(c)));
    for (const FrontPoint& point : result.predicted_front)
      EXPECT_FALSE(uniform.ns < point.predicted.ns && uniform.bytes < point.predicted.bytes &&
                   uniform.noise < point.predicted.noise);
  }
}

TEST_F(SearchOfSmallNetwork, GivesWhatIsRefinedWhereThatIsBetter) {
  SearchOptions how = options();
  how.limits = {.max_bytes = 6000};
  double seconds = 0;
  RefinedModel made{{}, "nothing was made"};
  how.refine = [&](const FrontPoint& given, double left) {
    EXPECT_EQ(given.layers.size(), 4u);
    seconds = left;
    return made;
  };
  const SearchResult before = search(fp32_, calibration_, held_out_, how);
  EXPECT_GT(seconds, how.seconds * 0.4);
  ASSERT_TRUE(before.refinement && before.model);
  EXPECT_EQ(before.refinement->description, "nothing was made");
  EXPECT_FALSE(before.refinement->after || before.refinement->kept || before.given.refined);

  made.model = quantize(fp32_, search_ranges(fp32_, calibration_), {.scheme = "int2"});
  const SearchResult worse = search(fp32_, calibration_, held_out_, how);
  EXPECT_FALSE(worse.refinement->kept);
  EXPECT_GT(worse.refinement->after->drop, worse.refinement->before.drop);
  // What is exact misses the limit that the other one keeps.
  made.model = fp32_;
  EXPECT_FALSE(search(fp32_, calibration_, held_out_, how).refinement->kept);
  how.limits = {.max_drop = 50};
  const SearchResult better = search(fp32_, calibration_, held_out_, how);
  EXPECT_TRUE(better.refinement->kept);
  EXPECT_TRUE(better.given.refined);
  EXPECT_FALSE(better.model->is_quantized());
}

TEST_F(SearchOfSmallNetwork, GivesTheSmallestWhereNothingIsSmallEnough) {
  SearchOptions how = options();
  how.limits = {.max_drop = 1, .max_bytes = 10};
  const SearchResult result = search(fp32_, calibration_, held_out_, how);
  EXPECT_FALSE(result.keeps_limits());
  for (const std::vector<FrontPoint>* list : {&result.uniform, &result.tried})
    for (const FrontPoint& point : *list)
      EXPECT_LE(result.given.measured->file_bytes, point.measured->file_bytes + 200);
}

TEST_F(SearchOfSmallNetwork, RefusesWhatCannotBe) {
  SearchOptions how = options();
  const std::vector<std::int64_t> labels(held_out_.count - 1, 0), wrong(held_out_.count, 5);
  const auto refused = [&] {
    return error_of([&] { search(fp32_, calibration_, held_out_, how); }, ErrorCode::invalid_argument);
  };
  how.labels = labels;
  EXPECT_TRUE(says(refused(), {"labels", "400"}));
  how.labels = wrong;
  EXPECT_TRUE(says(refused(), {"label 5"}));
  how.labels = {};
  how.limits.max_drop = -1;
  refused();
  how.limits = {.min_speedup = 0.0};
  refused();
  how.limits = {}, how.refine_part = 1;
  EXPECT_TRUE(says(refused(), {"refining"}));
}

TEST(LimitCheck, SaysEachLimitThatIsMissed) {
  NetworkMeasurement m;
  m.drop = 0.9, m.drop_error = 0.2, m.ns = 500, m.file_bytes = 1000, m.memory = 3000, m.joules = 2;
  detail::LimitTerms terms{
      {.max_drop = 1.0, .min_speedup = 2, .max_bytes = 1000, .max_memory = 3000, .max_joules = 2.0},
      0,
      1000,
      0};
  EXPECT_TRUE(detail::check_limits(terms, m).missed.empty());
  terms.margin = 1;
  EXPECT_EQ(detail::check_limits(terms, m).missed.size(), 1u);
  m.ns = 501, ++m.file_bytes, ++m.memory, m.joules = 2.1;
  terms.limits.min_speedup = 1.99;
  EXPECT_TRUE(detail::check_limits(terms, m).tight) << "1.996 times as fast";
  terms.limits.min_speedup = 2;
  terms.rest_ns = 400;
  const detail::LimitCheck check = detail::check_limits(terms, m);
  EXPECT_EQ(check.missed.size(), 5u);
  EXPECT_TRUE(check.slower);
  EXPECT_GT(check.excess, 0);
}

/// Drops that rise with the noise: the bracket closes on the limit.
TEST(NoiseBudget, FindsWhereTheDropMeetsItsLimit) {
  for (const double at : {1e-6, 3e-3, 0.7}) {
    detail::NoiseBudget budget;
    budget.known(1e-4, 1e-4 / at), budget.known(0.1, 0.1 / at);
    double passed = 0;
    for (int i = 0; i < 40 && !budget.is_settled(); ++i) {
      const double noise = budget.next(1.0);
      budget.measured(noise, noise / at, 1.0);
      if (noise <= at) passed = std::max(passed, noise);
    }
    EXPECT_TRUE(budget.is_settled());
    EXPECT_LE(passed, at);
    EXPECT_GT(passed, 0.9 * at);
  }
}

}  // namespace
}  // namespace lowbit
