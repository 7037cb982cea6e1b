// SPDX-License-Identifier: Apache-2.0
// What a report says of a search: limits that are missed are said, predictions without a measurement have no
// accuracy, numbers of a batch become those of an image.
#include "eval/search_report.h"

#include <gtest/gtest.h>

namespace lowbit::eval {
namespace {

SearchResult found() {
  SearchResult result;
  result.asked.max_drop = 0.5;
  result.asked.max_bytes = 20000;
  result.table.batch = 4;
  FrontPoint point;
  point.name = "mixed";
  point.predicted.ns = 400, point.predicted.bytes = 1000;
  result.front = {point, point};
  NetworkMeasurement measured;
  measured.ns = 800, measured.file_bytes = 1100, measured.samples = 200, measured.agree = 190;
  measured.correct = 150, measured.joules = 8, measured.drop = 1.5;
  result.front[1].measured = measured;
  result.given = result.front[1];
  point.name = "int8";
  result.uniform = {point};
  return result;
}

report::NetworkReport judged() {
  report::NetworkReport report;
  report.models.resize(2);
  report.subject = 1;
  report.has_labels = true;
  return report;
}

TEST(SearchReport, SaysWhatWasAskedAndWhatIsMissed) {
  report::NetworkReport report = judged();
  SearchResult result = found();
  add_search(result, report);
  ASSERT_EQ(report.asked.size(), 1u);
  EXPECT_EQ(report.asked[0],
            "Asked for: at most 0.5 points of accuracy lost, a file of at most 20.0 kB. All are kept.");
  report = judged();
  result.missed = {"the file has 21 kB"};
  result.out_of_time = true;
  add_search(result, report);
  ASSERT_EQ(report.asked.size(), 3u);
  EXPECT_NE(report.asked[0].find("Not all are kept:"), std::string::npos);
  EXPECT_EQ(report.asked[1], "the file has 21 kB");
  EXPECT_NE(report.asked[2].find("ended by its limit of time, with the best of 1 networks"),
            std::string::npos);
}

TEST(SearchReport, PointsAreOfAnImage) {
  report::NetworkReport report = judged();
  add_search(found(), report);
  ASSERT_EQ(report.front.size(), 3u);
  EXPECT_FALSE(report.front[0].accuracy.has_value());
  EXPECT_EQ(report.front[0].ns, 100);
  EXPECT_EQ(report.front[1].ns, 200);
  EXPECT_EQ(report.front[1].bytes, 1100);
  EXPECT_EQ(report.front[1].accuracy, 0.75);
  EXPECT_EQ(report.front[1].points, -1.5);
  EXPECT_FALSE(report.front[2].on_front);
  EXPECT_EQ(report.models[1].joules, 2.0);
  report::NetworkReport unlabelled = judged();
  unlabelled.has_labels = false;
  add_search(found(), unlabelled);
  EXPECT_EQ(unlabelled.front[1].accuracy, 0.95);
}

}  // namespace
}  // namespace lowbit::eval
