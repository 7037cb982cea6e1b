// SPDX-License-Identifier: Apache-2.0
// --open: one model for inputs of any size within limits, from an ONNX file to a .lowbit file.
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "support/random.h"
#include "support/shared_data.h"
#include "support/temporary_folder.h"

namespace lowbit::testing {
namespace {

/// A trained network that takes sounds of any length.
class OpenCommand : public ::testing::Test {
 protected:
  void SetUp() override { LOWBIT_REQUIRE_SHARED("models/real/melspectrogram.onnx"); }

  std::string sound(std::int64_t samples) {
    std::vector<float> values(static_cast<std::size_t>(samples));
    Random random(static_cast<std::uint64_t>(samples));
    for (float& v : values) v = 1000 * random.uniform();
    return folder_.write(std::to_string(samples) + ".npy", data::npy_file({1, samples}, values));
  }
  std::string run(const std::string& model, std::int64_t samples) {
    const std::string output = folder_ / "out.npy";
    const CommandResult result =
        run_command("run " + model + " --input " + sound(samples) + " --output " + output);
    EXPECT_EQ(result.status, 0) << result.err;
    return folder_.read("out.npy");
  }

  TemporaryFolder folder_;
  const std::string file_ = shared_data("models/real/melspectrogram.onnx").string();
  const std::string open_ = file_ + " --open samples=1280:20000";
};

TEST_F(OpenCommand, RunsAnySizeAsTheFixedImportDoes) {
  for (const std::int64_t samples : {1280, 5000, 20000})
    EXPECT_TRUE(run(open_, samples) == run(file_ + " --shape " + std::to_string(samples), samples))
        << samples;
  const CommandResult result =
      run_command("run " + open_ + " --input " + sound(1279) + " --output " + (folder_ / "out.npy"));
  EXPECT_TRUE(refused(result, "'samples' is 1279; the model takes 1280 to 20000"));
}

TEST_F(OpenCommand, QuantizedFilesStayOpen) {
  const std::string quantized = folder_ / "net.lowbit";
  const CommandResult made = run_command("quantize " + open_ + " --scheme int8-wo -o " + quantized);
  ASSERT_EQ(made.status, 0) << made.err;
  const CommandResult info = run_command("info " + quantized + " --json");
  ASSERT_EQ(info.status, 0) << info.err;
  EXPECT_EQ(nlohmann::json::parse(info.out)["open"],
            nlohmann::json({{{"name", "samples"}, {"lowest", 1280}, {"highest", 20000}}}));
  for (const std::int64_t samples : {1280, 7000}) EXPECT_FALSE(run(quantized, samples).empty());
  EXPECT_TRUE(refused(run_command("info " + quantized + " --open samples=1:2"), "is a .lowbit file"));
}

TEST_F(OpenCommand, EvaluatesDataOfASize) {
  const CommandResult result =
      run_command("eval " + open_ + " --data npy:" + sound(3000) + " --scheme int8-wo --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["images"], 1);
}

TEST_F(OpenCommand, CheckSaysWhatIsOpen) {
  const CommandResult result = run_command("check " + open_);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("samples 1280 to 20000; what follows is at the highest sizes"), std::string::npos)
      << result.out;
}

TEST(OpenOption, RefusesLimitsThatAreNone) {
  for (const char* text :
       {"sequence", "=1:2", "sequence=1", "sequence=2:1", "sequence=0:0", "sequence=a:2", "s=1:"})
    EXPECT_TRUE(
        refused(run_command(std::string("check net.onnx --open ") + text), "is not DIMENSION=LOWEST:HIGHEST"))
        << text;
}

}  // namespace
}  // namespace lowbit::testing
