// SPDX-License-Identifier: Apache-2.0
// lowbit export: the file gives what the model gives.
#include <gtest/gtest.h>

#include "cli/command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;

#ifdef LOWBIT_WITH_ONNX
class Export : public ::testing::Test {
 protected:
  Export() {
    lowbit::testing::Random random(5);
    std::vector<float> values(20 * 12);
    for (float& v : values) v = random.gaussian();
    folder_.write("x.npy", data::npy_file({20, 12}, values));
  }
  std::string file(const std::string& name) const { return folder_ / name; }
  std::string outputs(const std::string& model) const {
    const auto result =
        run_command("run " + file(model) + " --input " + file("x.npy") + " --output " + file("y.npy"));
    EXPECT_EQ(result.status, 0) << result.err;
    return folder_.read("y.npy");
  }

  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
};

TEST_F(Export, WritesTheSameNetwork) {
  const auto exported = run_command("export " + model_ + " -o " + file("a.onnx"));
  ASSERT_EQ(exported.status, 0) << exported.err;
  EXPECT_NE(exported.out.find("bytes, from fp32"), std::string::npos) << exported.out;
  EXPECT_EQ(outputs("a.onnx"), outputs("net.lowbit"));
  ASSERT_EQ(
      run_command("quantize " + model_ + " --data npy:" + file("x.npy") + " -o " + file("q.lowbit")).status,
      0);
  ASSERT_EQ(run_command("export " + file("q.lowbit") + " -o " + file("q.onnx")).status, 0);
  EXPECT_EQ(outputs("q.onnx").size(), outputs("q.lowbit").size());
  EXPECT_NE(run_command("info " + file("q.onnx")).out.find("of the file"), std::string::npos);
  ASSERT_EQ(run_command("export " + file("q.lowbit") + " --form qlinear -o " + file("i.onnx")).status, 0);
  EXPECT_NE(run_command("info " + file("i.onnx")).out.find("of the file"), std::string::npos);
  const auto piped = run_command("export " + file("q.lowbit") + " -o -");
  EXPECT_EQ(piped.out, folder_.read("q.onnx"));
}

TEST_F(Export, BadUsage) {
  const auto bad = [&](const std::string& arguments, const std::string& part) {
    return refused_without_a_file(folder_, arguments, part);
  };
  EXPECT_TRUE(bad("export " + model_, "--output"));
  EXPECT_TRUE(bad("export " + model_ + " --form integers -o " + file("a.onnx"), "--form"));
  EXPECT_TRUE(bad("export " + file("none.lowbit") + " -o " + file("a.onnx"), "none.lowbit"));
  EXPECT_TRUE(bad("export " + model_ + " -o " + file("no/a.onnx"), "no/a.onnx"));
}
#endif

}  // namespace
}  // namespace lowbit::cli
