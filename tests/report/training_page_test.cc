// SPDX-License-Identifier: Apache-2.0
// The page of a training, and the line that compares integers with floats.
#include "report/training_page.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/deployment_line.h"

namespace lowbit::report {
namespace {

int count_parts(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TrainingReport some_training() {
  TrainingReport report;
  report.model = "a<b>.onnx", report.data = "mnist:x & y", report.scheme = "int4-a4";
  report.output = "net.lowbit", report.images = 900, report.held_out = 100;
  report.start_accuracy = 0.1;
  report.result = {.epochs = 3,
                   .best_epoch = 2,
                   .best_accuracy = 0.95,
                   .losses = {1.5, 0.25, 0.2},
                   .accuracies = {0.5, 0.95, 0.9}};
  report.options = {{"--lr", "0.01"}, {"--optimizer", "<adam>"}};
  return report;
}

TEST(TrainingPage, ShowsEveryEpochAndTheBest) {
  const std::string page = training_page(some_training());
  EXPECT_EQ(count_parts(page, "<circle"), 3 + 4) << "the accuracy has one more, before the first step";
  EXPECT_EQ(count_parts(page, ", kept"), 2);
  EXPECT_EQ(count_parts(page, "<tr class=\"judged\"><th scope=\"row\">2</th><td>0.2500</td>"), 1);
  EXPECT_NE(page.find("95.00 %"), std::string::npos);
  EXPECT_EQ(page.find("a<b>"), std::string::npos);
  EXPECT_EQ(page.find("<adam>"), std::string::npos);
  EXPECT_EQ(page.find("in integers"), std::string::npos) << "nothing was compared";
}

TEST(TrainingPage, OneEpochAndNoneAndEqualOnes) {
  TrainingReport report = some_training();
  report.result.losses = {0.5, 0.5, 0.5};
  EXPECT_EQ(training_page(report).find("nan"), std::string::npos);
  report.result.losses = {0.5}, report.result.accuracies = {0.1}, report.result.best_epoch = 1;
  const std::string one = training_page(report);
  EXPECT_EQ(one.find("nan"), std::string::npos);
  EXPECT_EQ(count_parts(one, "<circle"), 3);
  report.result = {.end = TrainingEnd::stopped, .best_accuracy = -1};
  const std::string none = training_page(report);
  EXPECT_EQ(count_parts(none, "<svg"), 0);
  EXPECT_NE(none.find("stopped by the user"), std::string::npos);
}

TEST(DeploymentLine, SaysAnswersAndCodes) {
  DeploymentComparison c{.samples = 10000,
                         .right_in_floats = 9938,
                         .right_in_integers = 9937,
                         .different_answers = 1,
                         .codes = 7680000,
                         .different_codes = 12};
  EXPECT_EQ(deployment_line(c),
            "in integers 9937 of 10000 right, in rounded floats 9938: 1 answer differs, and 12 of 7,680,000 "
            "codes (99.999844 % equal)");
  EXPECT_EQ(deployment_json(c)["different_codes"], 12);
  c.codes = 0, c.different_answers = 2;
  EXPECT_EQ(deployment_line(c), "in integers 9937 of 10000 right, in rounded floats 9938: 2 answers differ");
  TrainingReport report = some_training();
  report.deployed = c;
  EXPECT_NE(training_page(report).find("2 answers differ."), std::string::npos);
}

}  // namespace
}  // namespace lowbit::report
