// SPDX-License-Identifier: Apache-2.0
// What a recovery did: steps that failed are said where nobody misses them.
#include "report/recovery_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace lowbit::report {
namespace {

RecoveryReport example() {
  RecoveryReport report;
  report.sqnr_before = 10.4, report.sqnr_after = 23.1;
  report.memory.values = 2 << 20, report.memory.models = 1 << 20;
  report.memory.layers = {{"conv1", 3 << 20}, {"conv2", 1 << 20}};
  report.samples = 128, report.held_out = 32, report.seconds = 12.34;
  report.layers.push_back({.name = "conv1", .sqnr_before = 10, .sqnr_after = 12});
  report.layers[0].steps.push_back({.name = "gptq", .sqnr_before = 10, .sqnr_after = 12, .kept = true});
  report.layers[0].steps.push_back({.name = "qronos", .sqnr_before = 12, .sqnr_after = 11});
  return report;
}

TEST(RecoveryReport, IsALineWhereNothingFailed) {
  const RecoveryReport report = example();
  EXPECT_EQ(recovery_summary(report),
            "SQNR 10.4 -> 23.1 dB, 1 of 1 layers better, 12.3 s (128 samples, 32 kept aside; 7 MB at most)");
  EXPECT_EQ(format_recovery(report, false).find("FAILED"), std::string::npos);
  EXPECT_EQ(to_json(report)["memory"]["peak"], (6 << 20) / 8 * 9);
  EXPECT_FALSE(to_json(report)["layers"][0]["steps"][1].contains("failed"));
}

TEST(RecoveryReport, NamesStepsThatFailed) {
  RecoveryReport report = example();
  const RecoveryReport::Step failed{
      .name = "descent", .sqnr_before = 12, .sqnr_after = 12, .failed = true, .note = "no grid"};
  report.layers[0].steps.push_back(failed);
  EXPECT_NE(recovery_summary(report).find("\n1 step FAILED: layer 'conv1', descent: no grid"),
            std::string::npos);
  EXPECT_NE(format_recovery(report, false).find("FAILED"), std::string::npos);
  EXPECT_TRUE(to_json(report)["layers"][0]["steps"][2]["failed"]);
  report.network.push_back(failed);
  EXPECT_NE(recovery_summary(report).find("\n2 steps FAILED:\n  the network, descent: no grid\n  layer"),
            std::string::npos);
}

}  // namespace
}  // namespace lowbit::report
