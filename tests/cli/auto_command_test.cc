// SPDX-License-Identifier: Apache-2.0
// `lowbit auto`, run as a user would.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/command_runner.h"
#include "data/npy.h"
#include "lowbit/io/json/cost_table.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;
using AutoJson = nlohmann::json;

class AutoCommand : public ::testing::Test {
 protected:
  std::string random_inputs() const {
    Random random(5);
    std::vector<float> values(200 * 12);
    for (float& v : values) v = random.uniform();
    return data::npy_header({200, 12}) +
           std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  }

  std::string command(const std::string& options) const {
    return "auto " + model_ + " " + data_ + " --calib 50 -o " + (folder_ / "best.lowbit") + " " + options;
  }

  ::testing::AssertionResult bad(const std::string& options, const std::string& part) const {
    return lowbit::testing::refused_without_a_file(folder_, command(options), part);
  }

  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
  const std::string data_ = "--data npy:" + folder_.write("x.npy", random_inputs());
};

TEST_F(AutoCommand, WritesWhatKeepsTheLimit) {
  const auto result =
      run_command(command("--max-drop 20 --goal size --recover bias --schemes int8,int4,fp32 --report " +
                          folder_ / "page.html" + " --json " + folder_ / "auto.json"));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.rfind("Asked: at most 20 points less accuracy.\n", 0), 0u) << result.out;
  const AutoJson json = AutoJson::parse(folder_.read("auto.json"));
  EXPECT_EQ(json["schema"], "lowbit-auto-1");
  EXPECT_TRUE(json["keeps_limits"]);
  EXPECT_LE(json["given"]["measured"]["drop"], 20);
  EXPECT_EQ(json["given"]["measured"]["samples"], 150);
  EXPECT_EQ(json["given"]["measured"]["file_bytes"], folder_.read("best.lowbit").size());
  EXPECT_EQ(json["given"]["layers"].size(), 2u);
  EXPECT_GE(json["front"].size(), 2u);
  EXPECT_EQ(json["uniform"].size(), 2u);
  EXPECT_EQ(run_command("info " + folder_ / "best.lowbit").status, 0);
  const std::string page = folder_.read("page.html");
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u) << page.substr(0, 80);
  EXPECT_NE(page.find("best.lowbit"), std::string::npos);
}

TEST_F(AutoCommand, SaysThatALimitIsMissed) {
  const auto result = run_command(command("--max-size 10 --recover none --schemes int8,int4"));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("NO network"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("the limit is 10"), std::string::npos) << result.out;
  EXPECT_FALSE(folder_.read("best.lowbit").empty()) << "the nearest one is written";
}

TEST_F(AutoCommand, KeepsATableOfCosts) {
  const std::string costs = folder_ / "costs.json",
                    options = "--recover none --schemes int8,int4 --max-drop 50 ";
  ASSERT_EQ(run_command(command(options + "--costs " + costs)).status, 0);
  CostTable table = load_cost_table(costs);
  ASSERT_EQ(table.layers.size(), 2u);
  for (CostTable::Layer& layer : table.layers) layer.candidates.erase(layer.candidates.begin() + 1);
  save(table, costs);
  const auto again = run_command(command(options + "--json - --costs " + costs));
  ASSERT_EQ(again.status, 0) << again.err;
  const AutoJson json = AutoJson::parse(again.out);
  for (const auto& layer : json["given"]["layers"]) EXPECT_EQ(layer["scheme"], "int8");

  table.cpu = "another";
  save(table, costs);
  EXPECT_TRUE(bad(options + "--costs " + costs, "--machine"));
  const auto planned = run_command(command(options + "--machine " + costs));
  EXPECT_EQ(planned.status, 0) << planned.err;
  EXPECT_NE(planned.out.find("those of the table, of another"), std::string::npos) << planned.out;

  table.model ^= 1;
  save(table, costs);
  EXPECT_TRUE(bad(options + "--machine " + costs, "another model"));
}

TEST_F(AutoCommand, MeasuresWholeNetworksOfOtherSchemes) {
  const auto result =
      run_command(command("--max-drop 50 --recover none --schemes int8,int4 --uniform int6,ttq --json - "));
  ASSERT_EQ(result.status, 0) << result.err;
  const AutoJson json = AutoJson::parse(result.out);
  ASSERT_EQ(json["uniform"].size(), 4u);
  EXPECT_EQ(json["uniform"][2]["name"], "int6");
  EXPECT_GT(json["uniform"][3]["measured"]["file_bytes"], 0);
  EXPECT_TRUE(json["training"].is_null());
}

TEST_F(AutoCommand, TrainsTheChosenMixture) {
  const std::string options = "--max-drop 60 --goal size --recover none --minutes 0.1 --train --json - ";
  EXPECT_TRUE(bad(options, "labels"));
  std::vector<std::int64_t> labels(200);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 3);
  std::string file = data::npy_header({200}, true);
  file += std::string(reinterpret_cast<const char*>(labels.data()), labels.size() * 8);
  const std::string labelled = options + "--labels " + folder_.write("y.npy", file) + " ";
  EXPECT_TRUE(bad(labelled + "--schemes int4-g32", "int4-g32"));
  const auto result = run_command(command(labelled + "--schemes int4,ternary"));
  ASSERT_EQ(result.status, 0) << result.err;
  const AutoJson json = AutoJson::parse(result.out);
  ASSERT_TRUE(json["training"].is_object()) << result.out;
  EXPECT_NE(json["training"]["description"].get<std::string>().find("epochs"), std::string::npos)
      << json["training"];
  EXPECT_EQ(json["given"]["refined"], json["training"]["kept"]);
  EXPECT_LE(json["given"]["measured"]["drop"], json["training"]["before"]["drop"]);
  EXPECT_EQ(json["given"]["measured"]["file_bytes"], folder_.read("best.lowbit").size());
}

TEST_F(AutoCommand, RefusesWhatCannotBe) {
  EXPECT_TRUE(bad("--max-drop -1", "max-drop"));
  EXPECT_TRUE(bad("--max-size 2XB", "2XB"));
  EXPECT_TRUE(bad("--goal speed", "goal"));
  EXPECT_TRUE(bad("--schemes int9", "int9"));
  EXPECT_TRUE(bad("--costs a.json --machine b.json", "--machine"));
  EXPECT_TRUE(bad("--machine " + folder_ / "missing.json", "missing.json"));
}

}  // namespace
}  // namespace lowbit::cli
