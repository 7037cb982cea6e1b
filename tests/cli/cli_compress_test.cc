// SPDX-License-Identifier: Apache-2.0
// lowbit compress: a smaller file of the same model.
#include <gtest/gtest.h>

#include "cli/command_runner.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;

TEST(CompressCommand, WritesTheSameModelInFewerBytes) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder), small = folder / "small.lowbit";
  const auto result = run_command("compress " + model + " -o " + small);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("% of the"), std::string::npos) << result.out;
  EXPECT_LT(folder.read("small.lowbit").size(), folder.read("net.lowbit").size());
  const auto info = run_command("info " + small);
  EXPECT_NE(info.out.find("compressed from " + std::to_string(folder.read("net.lowbit").size())),
            std::string::npos)
      << info.out;
  const auto plain = run_command("info " + model);
  EXPECT_EQ(plain.out.find("compressed from"), std::string::npos) << plain.out;
  EXPECT_NE(run_command("info " + small + " --json").out.find("\"uncompressed_bytes\""), std::string::npos);
  EXPECT_EQ(run_command("compress " + small + " -o -").out, folder.read("small.lowbit"));
}

TEST(QuantizeCommand, SharesACodebook) {
  const TemporaryFolder folder;
  const std::string quantize =
      "quantize " LOWBIT_SOURCE_DIR "/examples/models/glyphs-cnn.onnx --scheme kmeans4-dynamic";
  ASSERT_EQ(run_command(quantize + " -o " + folder / "own.lowbit").status, 0);
  const auto result = run_command(quantize + " --share-codebook '*' -o " + folder / "shared.lowbit");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_LT(folder.read("shared.lowbit").size(), folder.read("own.lowbit").size());
  EXPECT_NE(run_command("info " + folder / "shared.lowbit").out.find("shared codebook"), std::string::npos);
  EXPECT_TRUE(refused_without_a_file(
      folder, quantize + " --share-codebook none -o " + folder / "other.lowbit", "'none'"));
}

TEST(CompressCommand, BadUsage) {
  const TemporaryFolder folder;
  const std::string model = write_small_model(folder);
  EXPECT_TRUE(refused_without_a_file(folder, "compress " + model, "--output"));
  EXPECT_TRUE(refused_without_a_file(folder, "compress " + (folder / "none.lowbit") + " -o " + (folder / "a"),
                                     "none.lowbit"));
  EXPECT_TRUE(
      refused_without_a_file(folder, "compress " + model + " --nested -o " + (folder / "a"), "--data"));
}

}  // namespace
}  // namespace lowbit::cli
