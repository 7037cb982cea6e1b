// SPDX-License-Identifier: Apache-2.0
// Fronts of what was measured, choices within limits, and energy that adds up.
#include "search/measured_front.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lowbit/search/measure_costs.h"
#include "search/chooser.h"
#include "search/energy.h"
#include "search/noise_model.h"
#include "search/search_network.h"

namespace lowbit {
namespace {

FrontPoint network_of(double ns, std::size_t bytes, double drop) {
  FrontPoint point;
  point.measured.emplace();
  point.measured->ns = ns, point.measured->file_bytes = bytes, point.measured->drop = drop;
  return point;
}

TEST(MeasuredFront, HasWhatNoOtherNetworkBeats) {
  const FrontPoint fast = network_of(1, 300, 2), small = network_of(3, 100, 2), exact = network_of(3, 300, 0),
                   beaten = network_of(3, 301, 0.5);
  FrontPoint only_predicted;
  only_predicted.predicted.ns = 0.1;
  const std::vector<FrontPoint> front =
      detail::measured_front({small, beaten}, {exact, only_predicted, fast});
  ASSERT_EQ(front.size(), 3u);
  EXPECT_EQ(front[0].measured->ns, 1);
  EXPECT_EQ(front[1].measured->file_bytes, 100u);
  EXPECT_EQ(front[2].measured->drop, 0);
}

TEST(MeasuredFront, TakesSectionsFromEndToEnd) {
  std::vector<FrontPoint> sections;
  for (const double noise : {1e-6, 1e-5, 1e-4, 1.1e-4, 1e-2, 1e-1})
    sections.emplace_back().predicted.noise = noise;
  EXPECT_EQ(detail::spread_out(sections, 3), (std::vector<std::size_t>{5, 0, 3}));
  std::vector<std::size_t> all = detail::spread_out(sections, 99);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(detail::spread_out({}, 3).empty());
}

/// Two layers, each fast and noisy or slow and exact.
CostTable two_layers() {
  CostTable table;
  table.rest_scheme = Scheme();
  for (const char* name : {"a", "b"})
    table.layers.push_back({name,
                            {{.scheme = "int8", .ns = 100, .bytes = 80, .network_sqnr_db = 40, .joules = 8},
                             {.scheme = "int4", .ns = 50, .bytes = 40, .network_sqnr_db = 20, .joules = 4}}});
  return table;
}

TEST(Chooser, LeavesRoomForTheClock) {
  const CostTable table = two_layers();
  // 150 ns are allowed, and one layer of each kind takes them exactly.
  detail::LimitTerms terms{.limits = {.min_speedup = 2}, .fp32_ns = 300};
  EXPECT_EQ(detail::Chooser(table, terms, {}).within(ChoiceLimits::kFree)->sum.ns, 100);
  terms.fp32_ns = 320;
  EXPECT_EQ(detail::Chooser(table, terms, {}).within(ChoiceLimits::kFree)->sum.ns, 150);
  terms.fp32_ns = 200;  // no room is left: what just keeps the limit
  EXPECT_EQ(detail::Chooser(table, terms, {}).within(ChoiceLimits::kFree)->sum.ns, 100);
}

TEST(Chooser, LearnsFromWhatWasMeasured) {
  const CostTable table = two_layers();
  detail::Chooser chooser(table, {.limits = {.max_joules = 12.0}}, {});
  EXPECT_EQ(chooser.within(ChoiceLimits::kFree)->sum.joules, 12);
  NetworkMeasurement measured;
  measured.joules = 13;
  chooser.learn(chooser.within(ChoiceLimits::kFree)->sum, measured);
  EXPECT_EQ(chooser.within(ChoiceLimits::kFree)->sum.joules, 8);
}

TEST(Chooser, ComesNearToLimitsThatNothingKeeps) {
  const CostTable table = two_layers();
  const detail::Chooser chooser(table, {.limits = {.max_drop = 1.0, .max_bytes = 10}}, {.ns = 1});
  EXPECT_FALSE(chooser.within(1e-3).has_value());
  EXPECT_FALSE(chooser.least_error().has_value());
  EXPECT_EQ(chooser.nearest()->sum.bytes, 80u);
}

CostTable::Layer layer_of_noise(std::vector<double> own, std::vector<double> outer) {
  CostTable::Layer layer{"a"};
  const char* schemes[] = {"int8", "int4", "int3", "int2"};
  for (std::size_t i = 0; i < own.size(); ++i)
    layer.candidates.push_back({.scheme = schemes[i],
                                .layer_sqnr_db = -10 * std::log10(own[i]),
                                .network_sqnr_db = -10 * std::log10(outer[i])});
  layer.candidates.push_back({.scheme = Scheme()});
  return layer;
}

TEST(NoiseModel, FillsInWhatWasNotCompared) {
  // Twice the layer's own noise, and what codes of activations add.
  CostTable::Layer layer = layer_of_noise({1e-4, 1e-2, 4e-2, 0.3}, {3e-4, 1, 8.01e-2, 1});
  EXPECT_EQ(detail::noise_probes(layer), (std::vector<std::size_t>{0, 2}));
  EXPECT_NEAR(detail::extrapolate_noise(layer, {0, 2}, 7), 2, 1e-2);
  EXPECT_NEAR(layer.candidates[1].network_sqnr_db, -10 * std::log10(2e-2), 0.1);
  EXPECT_NEAR(layer.candidates[3].network_sqnr_db, -10 * std::log10(0.6), 0.1);
  EXPECT_NEAR(layer.candidates[0].network_sqnr_db, -10 * std::log10(3e-4), 1e-9) << "as measured";
  EXPECT_EQ(layer.candidates[4].network_sqnr_db, CostTable::kExact);
  // The gain of other layers, where this one was not compared.
  layer = layer_of_noise({1e-4, 1e-2}, {1, 1});
  EXPECT_EQ(detail::noise_probes(layer), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(detail::extrapolate_noise(layer, {}, 3), 3);
  EXPECT_NEAR(layer.candidates[1].network_sqnr_db, -10 * std::log10(3e-2), 1e-9);
}

TEST(NoiseModel, FillsInATableInNoTime) {
  const Model fp32 = testing::search_network();
  const SampleSet samples = testing::search_samples(fp32, 40, 5);
  const CalibrationTable ranges = testing::search_ranges(fp32, samples);
  CostOptions how{.candidates = {"int8", "int6", "int4", "int3", "fp32"},
                  .table = &ranges,
                  .steps = {},
                  .timing_seconds = 0};
  const CostTable all = measure_costs(fp32, samples, how);
  how.outputs_seconds = 0;
  const CostTable some = measure_costs(fp32, samples, how);
  how.stops = [] { return true; };
  const CostTable none = measure_costs(fp32, samples, how);
  EXPECT_FALSE(all.extrapolated);
  EXPECT_TRUE(some.extrapolated && none.extrapolated);
  for (std::size_t l = 0; l < all.layers.size(); ++l)
    for (std::size_t c = 0; c < 4; ++c)
      EXPECT_NEAR(some.layers[l].candidates[c].network_sqnr_db, all.layers[l].candidates[c].network_sqnr_db,
                  10)
          << all.layers[l].name << ' ' << c;
}

TEST(Energy, OfAModelIsThatOfItsChoice) {
  const Model fp32 = testing::search_network();
  const SampleSet samples = testing::search_samples(fp32, 20, 5);
  const CalibrationTable ranges = testing::search_ranges(fp32, samples);
  const CostTable table = measure_costs(fp32, samples,
                                        {.candidates = {"int8", "int4", "fp32"},
                                         .table = &ranges,
                                         .compress = true,
                                         .steps = {},
                                         .timing_seconds = 0});
  if (table.energy_source != detail::kEstimatedEnergy) GTEST_SKIP() << "energy is counted here";
  const Model int4 = quantize(fp32, ranges, {.scheme = "int4"});
  EXPECT_NEAR(detail::estimated_joules(int4, 1), add_up(table, {1, 1, 1, 1}).joules, 1e-15);
  EXPECT_NEAR(detail::estimated_joules(fp32, 1), table.wholes[0].joules, 1e-15);
}

}  // namespace
}  // namespace lowbit
