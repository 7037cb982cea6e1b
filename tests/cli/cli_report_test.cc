// SPDX-License-Identifier: Apache-2.0
// lowbit report and lowbit profile: what they measure of small networks, write and refuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_runner.h"
#include "data/file_bytes.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;
using ReportJson = nlohmann::json;

const std::string kGlyphsNetwork = LOWBIT_SOURCE_DIR "/examples/models/glyphs-cnn.onnx";

TEST(ReportCommand, JudgesADamagedNetworkAndFindsTheLayer) {
  if (run_command("check " + kGlyphsNetwork).status != 0) GTEST_SKIP() << "built without ONNX";
  const TemporaryFolder folder;
  const std::string data = " --data glyphs --calib 60", damaged = folder / "damaged.lowbit";
  // One layer in 2 bits, all others in 8: it must be found.
  const auto quantized = run_command("quantize " + kGlyphsNetwork + data +
                                     " --scheme int8 --override widen.conv=int2 -o " + damaged);
  ASSERT_EQ(quantized.status, 0) << quantized.err;
  const auto result = run_command("report " + damaged + " " + kGlyphsNetwork + data + " --images 120 -o " +
                                  folder / "r.html" + " --json " + folder / "r.json");
  ASSERT_EQ(result.status, 0) << result.err;
  const ReportJson json = ReportJson::parse(folder.read("r.json"));
  EXPECT_EQ(json["judged"], "damaged.lowbit");
  EXPECT_EQ(json["reference"], "glyphs-cnn.onnx");
  ASSERT_EQ(json["models"].size(), 3u) << "int8 is added for comparison";
  EXPECT_EQ(json["worst_layers"][0], "widen.conv");
  const ReportJson& judged = json["models"][1];
  double damage = 0;
  std::size_t bytes = 0;
  for (const ReportJson& layer : judged["layers"]) {
    damage += layer["damage"].get<double>();
    bytes += layer["bytes"].get<std::size_t>();
    if (layer["name"] == "widen.conv") {
      EXPECT_GT(layer["damage"], 0.8);
      EXPECT_EQ(layer["scheme"], "int2");
      EXPECT_FALSE(layer["weights"].is_null());
      EXPECT_GT(layer["own_sqnr_db"], layer["accumulated_sqnr_db"].get<double>() - 1);
    }
  }
  EXPECT_NEAR(damage, 1, 1e-9);
  EXPECT_EQ(bytes, judged["bytes"]);
  const double differ = 120 * (1 - judged["agree"].get<double>());
  EXPECT_NEAR(static_cast<double>(json["changed"].size()), std::min(differ, 12.0), 1e-9);
  const std::string page = folder.read("r.html");
  EXPECT_NE(page.find("widen.conv"), std::string::npos);
  EXPECT_NE(page.find("lowbit report "), std::string::npos);
}

TEST(ReportCommand, SameModelIsGoodAndLosesNothing) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder);
  Random random(2);
  std::vector<float> values(200 * 12);
  for (float& v : values) v = random.uniform();
  const std::string x = folder.write("x.npy", data::npy_file({200, 12}, values));
  const auto result = run_command("report " + model + " " + model + " --scheme none --data npy:" + x +
                                  " -o " + folder / "r.html --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const ReportJson json = ReportJson::parse(result.out);
  EXPECT_EQ(json["models"][1]["agree"], 1.0);
  EXPECT_EQ(json["models"][1]["points"], 0.0);
  EXPECT_TRUE(json["models"][1]["sqnr_db"].is_null()) << "infinite";
  EXPECT_EQ(json["changed"].size(), 0u);
  for (const ReportJson& layer : json["models"][1]["layers"]) EXPECT_EQ(layer["damage"], 0.0);
  EXPECT_EQ(json["labels"], false);
}

TEST(ReportCommand, RefusesWhatItCannotCompare) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder), page = folder / "r.html";
  const std::string x = folder.write("x.npy", data::npy_file({2, 12}, std::vector<float>(24)));
  EXPECT_TRUE(refused_without_a_file(folder,
                                     "report " + model + " --scheme none --data npy:" + x + " -o " + page,
                                     "a report compares networks"));
  EXPECT_TRUE(refused_without_a_file(
      folder, "report " + model + " --scheme int9 --data npy:" + x + " -o " + page, "int9"));
  EXPECT_TRUE(refused_without_a_file(folder, "report " + model + " --data what -o " + page, "what"));
  EXPECT_TRUE(refused_without_a_file(folder, "report --data glyphs", "MODELS"));
}

TEST(ProfileCommand, AccountsForTheWholeRun) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder);
  const auto result = run_command("profile " + model + " --batch 64 --runs 30 --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const ReportJson json = ReportJson::parse(result.out);
  EXPECT_EQ(json["schema"], "lowbit-profile-1");
  EXPECT_EQ(json["data"], "random inputs");
  EXPECT_EQ(json["runs"], 30);
  ASSERT_EQ(json["layers"].size(), 2u);
  EXPECT_EQ(json["layers"][0]["name"], "first");
  EXPECT_EQ(json["layers"][0]["products"], 64 * 12 * 16);
  EXPECT_EQ(json["layers"][1]["bytes"], 4 * (16 * 4 + 4));
  double sum = json["outside_ns"], share = 0;
  for (const ReportJson& layer : json["layers"]) {
    sum += layer["ns"]["median"].get<double>();
    share += layer["share"].get<double>();
  }
  EXPECT_NEAR(sum, json["sum_ns"].get<double>(), 1e-6);
  EXPECT_LT(share, 1);
  EXPECT_GT(json["whole_ns"]["median"], 0);
  // Inputs and outputs of the first layer, of floats, live together.
  EXPECT_GE(json["layers"][0]["memory"], 64 * (12 + 16) * 4);
  for (const ReportJson& layer : json["layers"]) EXPECT_LE(layer["memory"], json["workspace_bytes"]);
  EXPECT_EQ(json["weight_bytes"], 4 * (12 * 16 + 16 + 16 * 4 + 4));
  EXPECT_GT(json["joules"], 0);
  EXPECT_FALSE(json["energy_source"].get<std::string>().empty());
  const auto table = run_command("profile " + model + " --runs 3");
  EXPECT_EQ(table.status, 0) << table.err;
  for (const char* text : {"second", "Gproducts/s", "whole runs", "memory: 1,104 bytes", "energy of a run"})
    EXPECT_NE(table.out.find(text), std::string::npos) << text;
}

TEST(ProfileCommand, RefusesInputsThatDoNotFit) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder);
  const std::string x = folder.write("x.npy", data::npy_file({2, 12}, std::vector<float>(24)));
  EXPECT_TRUE(
      refused_without_a_file(folder, "profile " + model + " --batch 3 --data npy:" + x, "a batch needs 3"));
  EXPECT_TRUE(refused_without_a_file(folder, "profile " + model + " --runs 0", "--runs"));
}

}  // namespace
}  // namespace lowbit::cli
