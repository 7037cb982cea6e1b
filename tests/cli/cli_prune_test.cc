// SPDX-License-Identifier: Apache-2.0
// lowbit prune: weights of an fp32 model become zero.
#include <gtest/gtest.h>

#include "cli/command_runner.h"
#include "support/effort.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;

const std::string glyphs_network = LOWBIT_SOURCE_DIR "/examples/models/glyphs-cnn.onnx";

TEST(PruneCommand, MakesWeightsZeroAndSaysOfWhichLayers) {
  const TemporaryFolder folder;
  const std::string data = " --data glyphs --calib " + std::to_string(lowbit::testing::affordable(60));
  for (const std::string& options :
       {std::string("--sparsity 0.5"), std::string("--keep 2:4"), "--sparsity 0.5" + data,
        "--sparsity 0.5 --scope row --magnitude" + data}) {
    const auto result =
        run_command("prune " + glyphs_network + " " + options + " -o " + (folder / "a.lowbit"));
    ASSERT_EQ(result.status, 0) << options << result.err;
    EXPECT_NE(result.out.find("weights are zero (5"), std::string::npos) << options << result.out;
    EXPECT_EQ(run_command("eval " + (folder / "a.lowbit") + " --data glyphs --images 50").status, 0);
  }
}

TEST(PruneCommand, RemovesChannelsAndSaysOfWhichLayers) {
  const TemporaryFolder folder;
  for (const char* options : {"--channels 0.25", "--channels 0.25 --scope layer --data glyphs --calib 60"}) {
    const auto result =
        run_command("prune " + glyphs_network + " " + options + " -o " + (folder / "a.lowbit"));
    ASSERT_EQ(result.status, 0) << options << result.err;
    EXPECT_NE(result.out.find("the network returns it"), std::string::npos) << options << result.out;
    EXPECT_NE(result.out.find("bytes of weights and biases, "), std::string::npos) << options << result.out;
    EXPECT_EQ(run_command("eval " + (folder / "a.lowbit") + " --data glyphs --images 50").status, 0);
    EXPECT_EQ(run_command("export " + (folder / "a.lowbit") + " -o " + (folder / "a.onnx")).status, 0);
    EXPECT_EQ(run_command("quantize " + (folder / "a.onnx") + " --data glyphs --calib 60 -o " +
                          (folder / "q.lowbit"))
                  .status,
              0);
  }
}

TEST(PruneCommand, BadUsage) {
  const TemporaryFolder folder;
  const std::string out = " -o " + (folder / "a.lowbit");
  EXPECT_TRUE(refused_without_a_file(folder, "prune " + glyphs_network + " --keep 5:4" + out, "5:4"));
  EXPECT_TRUE(
      refused_without_a_file(folder, "prune " + glyphs_network + " --sparsity 1.5" + out, "sparsity"));
  EXPECT_TRUE(refused_without_a_file(folder, "prune " + glyphs_network + " --layer conv=x" + out, "conv=x"));
  EXPECT_TRUE(refused_without_a_file(folder, "prune " + glyphs_network + " --layer no=0.5" + out, "'no'"));
  EXPECT_TRUE(
      refused_without_a_file(folder, "prune " + glyphs_network + " --keep 2:4 --scope layer" + out, "scope"));
  EXPECT_TRUE(refused_without_a_file(folder, "prune " + glyphs_network + " --channels 0.5 --scope row" + out,
                                     "channels compete"));
  EXPECT_TRUE(refused_without_a_file(
      folder, "prune " + glyphs_network + " --channels 0.5 --layer conv=0.5" + out, "layer"));
}

}  // namespace
}  // namespace lowbit::cli
