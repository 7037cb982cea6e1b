// SPDX-License-Identifier: Apache-2.0
// lowbit check: what a file needs, in text and JSON, and status 2 where something is missing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "command_runner.h"
#include "support/shared_data.h"
#include "support/temporary_folder.h"

namespace lowbit::testing {
namespace {

TEST(CheckCommand, SaysWhatANetworkNeeds) {
  LOWBIT_REQUIRE_SHARED("models/resnet20-cifar10.onnx");
  const CommandResult result =
      run_command("check " + shared_data("models/resnet20-cifar10.onnx").string() + " --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["inputs"][0]["dims"], (std::vector<std::string>{"N", "3", "32", "32"}));
  EXPECT_EQ(json["operators"]["Conv"], 19);
  EXPECT_TRUE(json["missing"].empty());
  EXPECT_TRUE(json["has_batch"]);
  std::int64_t products = 0;
  for (const auto& layer : json["layers"]) products += layer["products"].get<std::int64_t>();
  EXPECT_EQ(products, 40551040) << "the published 40.6 million, without shortcuts of its own";
}

TEST(CheckCommand, OpenDimensionsAreToldAndThenGiven) {
  LOWBIT_REQUIRE_SHARED("models/real/silero_vad.onnx");
  const std::string file = shared_data("models/real/silero_vad.onnx").string();
  const CommandResult open = run_command("check " + file);
  EXPECT_EQ(open.status, 2);
  EXPECT_NE(open.out.find("input FLOAT[batch, sequence]; sr INT64[]; state FLOAT[2, batch, 128]"),
            std::string::npos)
      << open.out;
  EXPECT_NE(open.err.find("'input' has no fixed size in dimension 1 ('sequence')"), std::string::npos)
      << open.err;
  const CommandResult given =
      run_command("check " + file + " --set sr=16000 --shape input=1x576 --shape state=2x1x128");
  EXPECT_EQ(given.status, 0) << given.err;
  EXPECT_NE(given.out.find("yes, whole"), std::string::npos) << given.out;
}

TEST(CheckCommand, RefusesSettingsThatAreNone) {
  for (const char* text : {"sr", "=3", "sr=", "sr=1,,2", "sr=x"}) {
    const CommandResult result = run_command(std::string("check net.onnx --set ") + text);
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("is not INPUT=NUMBER"), std::string::npos) << text << ": " << result.err;
  }
}

}  // namespace
}  // namespace lowbit::testing
