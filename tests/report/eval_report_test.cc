// SPDX-License-Identifier: Apache-2.0
#include "report/eval_report.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "report/statistics.h"

namespace lowbit::report {
namespace {

OutputComparison comparison(double sqnr_db) {
  OutputComparison c;
  c.name = "logits";
  c.error.sqnr_db = sqnr_db;
  return c;
}

EvalRow make_row(const std::string& scheme, double bits, std::uint64_t bytes) {
  EvalRow row;
  row.scheme = scheme;
  row.bits = bits;
  row.bytes = bytes;
  return row;
}

EvalReport example_report() {
  EvalReport report;
  report.model = "net.onnx";
  report.data = "glyphs";
  report.images = 200;
  report.calib_images = 50;
  report.observer = "minmax";
  report.machine = {"A CPU", "avx2", 1};
  EvalRow fp32 = make_row("fp32", 32.0, 1234567);
  fp32.correct = 198;
  fp32.agree = 200;
  fp32.outputs = {comparison(std::numeric_limits<double>::infinity())};
  fp32.ms_median = 1;
  fp32.speedup = 1;
  EvalRow int8 = make_row("int8", 8.25, 345678);
  int8.correct = 197;
  int8.agree = 199;
  int8.outputs = {comparison(41.25)};
  int8.ms_median = 0.25;
  int8.ms_p90 = 0.5;
  int8.speedup = 4;
  int8.coverage = "9 of 9 layers int8";
  report.rows = {fp32, int8};
  return report;
}

std::vector<std::string> keys(const nlohmann::ordered_json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

TEST(EvalReport, JsonHasTheSchema) {
  const auto json = to_json(example_report());
  EXPECT_EQ(keys(json), (std::vector<std::string>{"schema", "model", "data", "images", "calib_images",
                                                  "observer", "machine", "warnings", "rows"}));
  EXPECT_EQ(json["schema"], "lowbit-eval-1");
  EXPECT_EQ(keys(json["machine"]), (std::vector<std::string>{"cpu", "isa", "threads"}));
  ASSERT_EQ(json["rows"].size(), 2u);
  const auto& row = json["rows"][1];
  EXPECT_EQ(keys(row), (std::vector<std::string>{"scheme", "bits", "bytes", "correct", "top1", "agree",
                                                 "sqnr_db", "ms_per_image", "speedup", "fallbacks"}));
  EXPECT_EQ(row["correct"], 197);
  EXPECT_EQ(row["top1"], 0.985);
  EXPECT_EQ(row["agree"], 0.995);
  EXPECT_EQ(row["sqnr_db"], 41.25);
  EXPECT_EQ(row["ms_per_image"], 0.25);
  EXPECT_TRUE(json["rows"][0]["sqnr_db"].is_null()) << "infinite";
}

TEST(EvalReport, UnknownValuesAreNullAndDashes) {
  EvalReport report = example_report();
  report.rows = {make_row("int8", 8.0, 10)};
  report.observer.reset();
  const auto json = to_json(report);
  for (const char* key : {"correct", "top1", "agree", "sqnr_db", "speedup"})
    EXPECT_TRUE(json["rows"][0][key].is_null()) << key;
  EXPECT_TRUE(json["observer"].is_null());
  EXPECT_EQ(nlohmann::ordered_json::parse(json.dump()), json);
  const std::string text = format_report(report, false);
  EXPECT_NE(text.find("8.00           10      -      -        -"), std::string::npos) << text;
}

TEST(EvalReport, TableIsAlignedAndAccountsForLayers) {
  EXPECT_EQ(format_report(example_report(), false),
            "scheme  bits/weight  model bytes    top-1     agree  SQNR dB  median ms  p90 ms  speed-up\n"
            "------  -----------  -----------  -------  --------  -------  ---------  ------  --------\n"
            "fp32          32.00    1,234,567  99.00 %  100.00 %      inf     1.0000  0.0000     1.00x\n"
            "int8           8.25      345,678  98.50 %   99.50 %     41.2     0.2500  0.5000     4.00x\n"
            "9 of 9 layers int8\n");
}

TEST(EvalReport, FallbacksAreNeverSilent) {
  EvalReport report = example_report();
  report.rows[1].fallbacks = 1;
  report.rows[1].coverage = "8 of 9 layers int8; softmax stayed fp32: no integer form";
  EXPECT_NE(
      format_report(report, false).find("int8: 8 of 9 layers int8; softmax stayed fp32: no integer form\n"),
      std::string::npos);
  EXPECT_EQ(to_json(report)["rows"][1]["fallbacks"], 1);
}

TEST(EvalReport, ComparisonsHaveOutputs) {
  const auto json = to_json(example_report(), true);
  EXPECT_EQ(keys(json["rows"][1]["outputs"][0]),
            (std::vector<std::string>{"name", "sqnr_db", "cosine", "mean_cosine", "max_error"}));
  EXPECT_NE(format_outputs(example_report(), false).find("logits"), std::string::npos);
}

TEST(Quantile, NearestRank) {
  EXPECT_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(quantile({4, 3, 1, 2}, 0.5), 2);
  EXPECT_EQ(quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9), 9);
  EXPECT_EQ(quantile({5}, 0.9), 5);
  EXPECT_EQ(quantile({}, 0.5), 0);
}

}  // namespace
}  // namespace lowbit::report
