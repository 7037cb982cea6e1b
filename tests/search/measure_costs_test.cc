// SPDX-License-Identifier: Apache-2.0
// Tables of costs as they are measured: what is in them, and that sums are those of real networks.
#include "lowbit/search/measure_costs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <tuple>

#include "search/cost_study.h"
#include "search/energy.h"
#include "search/search_network.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::search_network;
using testing::search_ranges;
using testing::search_samples;

CostOptions quick_costs(const CalibrationTable& table) {
  return {.candidates = {"int8", "int4", "ternary", "fp32", "int8-wo"},
          .table = &table,
          .samples = 24,
          .timing_seconds = 0};
}

TEST(MeasureCosts, DescribesEveryLayerInEveryScheme) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 40, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  const CostTable table = measure_costs(fp32, samples, quick_costs(ranges));
  check(table);
  EXPECT_EQ(table.model, fingerprint(fp32));
  EXPECT_EQ(table.isa, isa_name(active_isa()));
  EXPECT_EQ(table.samples, 24);
  EXPECT_EQ(format_scheme(table.rest_scheme), "int8");
  EXPECT_GT(table.rest_ns, 0);
  ASSERT_EQ(table.layers.size(), 4u);
  const char* names[] = {"first", "second", "third", "classifier"};
  for (std::size_t l = 0; l < 4; ++l) {
    const CostTable::Layer& layer = table.layers[l];
    EXPECT_EQ(layer.name, names[l]);
    ASSERT_EQ(layer.candidates.size(), 5u);
    for (const CostTable::Candidate& c : layer.candidates) {
      EXPECT_GT(c.ns, 0) << layer.name << " " << format_scheme(c.scheme);
      EXPECT_FALSE(c.kernel.empty()) << layer.name << " " << format_scheme(c.scheme);
      EXPECT_GT(c.joules, 0);
    }
    const auto& [int8, int4, ternary, floats, weights_only] =
        std::tie(layer.candidates[0], layer.candidates[1], layer.candidates[2], layer.candidates[3],
                 layer.candidates[4]);
    EXPECT_GT(int8.bytes, int4.bytes);
    EXPECT_GT(int4.bytes, ternary.bytes);
    EXPECT_GT(floats.bytes, 2 * int8.bytes);
    EXPECT_GT(int8.network_sqnr_db, int4.network_sqnr_db);
    EXPECT_GT(int4.network_sqnr_db, ternary.network_sqnr_db);
    EXPECT_GT(int8.layer_sqnr_db, int4.layer_sqnr_db);
    EXPECT_TRUE(std::isinf(floats.network_sqnr_db));
    EXPECT_TRUE(int8.codes && ternary.codes);
    EXPECT_FALSE(floats.codes || weights_only.codes);
  }
  ASSERT_EQ(table.wholes.size(), 5u);
  EXPECT_TRUE(table.wholes[0].scheme.is_fp32());
  EXPECT_EQ(table.wholes[0].bytes, save_to_bytes(fp32).size());
}

TEST(MeasureCosts, BytesOfMixturesAreThoseOfTheirFiles) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 40, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  CostOptions options = quick_costs(ranges);
  const detail::Mixtures mixtures = detail::make_mixtures(fp32, samples, options);
  for (const bool compress : {false, true}) {
    options.compress = compress;
    const CostTable table = detail::measure_mixtures(mixtures, samples, options);
    EXPECT_EQ(table.compressed, compress);
    for (const std::vector<int>& choice : {std::vector{0, 0, 0, 0}, std::vector{1, 2, 0, 1},
                                           std::vector{0, 1, 2, 3}, std::vector{3, 0, 4, 2}}) {
      const Model model = mixtures.make(choice);
      const CostSum sum = add_up(table, choice);
      const double file = static_cast<double>(save_to_bytes(model, {.compress = compress}).size());
      EXPECT_NEAR(static_cast<double>(sum.bytes), file, 0.08 * file) << compress;
      const double plain = static_cast<double>(save_to_bytes(model).size());
      EXPECT_GE(static_cast<double>(sum.memory), 0.92 * plain) << compress;
    }
  }
}

/// The conversions that the table counts are those that a mixture has.
TEST(MeasureCosts, ConversionsAreThoseOfTheNetworks) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 20, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  CostOptions options = quick_costs(ranges);
  options.steps = {};
  const detail::Mixtures mixtures = detail::make_mixtures(fp32, samples, options);
  CostTable table = detail::measure_mixtures(mixtures, samples, options);
  table.rest_ns = 0;
  for (CostTable::Layer& layer : table.layers)
    for (CostTable::Candidate& c : layer.candidates) c.ns = 0;
  for (CostTable::Conversion& c : table.conversions) c.to_codes_ns = 1, c.to_floats_ns = 1000;
  for (int mixture = 0; mixture < 16; ++mixture) {
    std::vector<int> choice;
    for (int l = 0; l < 4; ++l) choice.push_back(mixture >> l & 1 ? 3 : 0);
    double expected = 0;
    const Model mixture_model = mixtures.make(choice);
    for (const Graph::Node& node : mixture_model.graph().nodes) {
      if (std::holds_alternative<ops::QuantizeOp>(node.op)) expected += 1;
      if (std::holds_alternative<ops::DequantizeOp>(node.op)) expected += 1000;
    }
    EXPECT_EQ(add_up(table, choice).ns, expected) << "mixture " << mixture;
  }
}

TEST(MeasureCosts, RecoveryOfLayersLowersTheirErrors) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 100, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  CostOptions options = quick_costs(ranges);
  options.candidates = {"int8", "ternary"};
  const CostTable recovered = measure_costs(fp32, samples, options);
  options.steps = {};
  const CostTable plain = measure_costs(fp32, samples, options);
  EXPECT_EQ(recovered.recovery, "descent,bias");
  int gained = 0;
  for (std::size_t l = 0; l < 4; ++l) {
    gained +=
        recovered.layers[l].candidates[1].network_sqnr_db > plain.layers[l].candidates[1].network_sqnr_db;
  }
  EXPECT_GE(gained, 3) << "independent inputs leave the first layer nothing to win";
}

TEST(MeasureCosts, WhatNeedsNoRangesRunsAmongFloats) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 20, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  CostOptions options = quick_costs(ranges);
  options.candidates = {"int8-dynamic"}, options.table = nullptr;
  const CostTable table = measure_costs(fp32, samples, options);
  EXPECT_TRUE(table.rest_scheme.is_fp32());
  for (const CostTable::Layer& layer : table.layers) EXPECT_FALSE(layer.candidates[0].codes);
}

TEST(MeasureCosts, RefusesWhatCannotBeMeasured) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 20, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  CostOptions options = quick_costs(ranges);
  error_of([&] { measure_costs(fp32, SampleSet(fp32), options); }, ErrorCode::invalid_argument);
  const Model int8 = quantize(fp32, ranges, {.scheme = "int8"});
  error_of([&] { measure_costs(int8, samples, options); }, ErrorCode::invalid_argument);
  options.batch = 21;
  error_of([&] { measure_costs(fp32, samples, options); }, ErrorCode::invalid_argument);
  options.batch = 1, options.table = nullptr;
  error_of([&] { measure_costs(fp32, samples, options); }, ErrorCode::invalid_argument);
  options.candidates.clear();
  error_of([&] { measure_costs(fp32, samples, options); }, ErrorCode::invalid_argument);
}

TEST(Profile, TimesOfNodesAreWithinThoseOfRuns) {
  const Model fp32 = search_network();
  const SampleSet samples = search_samples(fp32, 2, 5);
  const CalibrationTable ranges = search_ranges(fp32, samples);
  const std::vector<Model> models{fp32, quantize(fp32, ranges, {.scheme = "int8"})};
  const std::vector<ModelProfile> profiles = profile(models, samples.views(0, 2), {.rounds = 5});
  ASSERT_EQ(profiles.size(), 2u);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_EQ(profiles[m].runs, 15);
    ASSERT_EQ(profiles[m].nodes.size(), models[m].graph().nodes.size());
    EXPECT_GT(profiles[m].whole.ns, 0);
    for (const MeasuredTime& node : profiles[m].nodes) EXPECT_LE(node.ns, 2 * profiles[m].whole.ns);
  }
  error_of([&] { profile(std::vector<Model>{}, samples.views(0, 1)); }, ErrorCode::invalid_argument);
  error_of([&] { profile(models, samples.views(0, 1), {.rounds = 0}); }, ErrorCode::invalid_argument);
}

TEST(Energy, ReadsPackagesAndTheirOverflow) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const char* file, const char* text) {
    std::filesystem::create_directories(std::filesystem::path(folder / file).parent_path());
    std::ofstream(folder / file) << text;
  };
  write("intel-rapl:0/energy_uj", "9000000"), write("intel-rapl:0/max_energy_range_uj", "10000000");
  write("intel-rapl:0:0/energy_uj", "77"), write("intel-rapl:1/energy_uj", "1000000");
  write("dtpm/energy_uj", "5");
  detail::EnergyCounter counter(folder / "");
  ASSERT_TRUE(counter.is_readable());
  write("intel-rapl:0/energy_uj", "500000"), write("intel-rapl:1/energy_uj", "1250000");
  EXPECT_DOUBLE_EQ(counter.joules().value_or(-1), 1.5 + 0.25);
  EXPECT_DOUBLE_EQ(counter.joules().value_or(-1), 0);
  EXPECT_FALSE(detail::EnergyCounter(folder / "missing").is_readable());
  EXPECT_GT(detail::estimated_joules("fp32", 1e6, 4e3, 1e3), detail::estimated_joules("int8", 1e6, 1e3, 1e3));
}

}  // namespace
}  // namespace lowbit
