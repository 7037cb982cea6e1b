// SPDX-License-Identifier: Apache-2.0
// lowbit train: a network that had learned nothing learns in the codes of a scheme.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::CommandResult;
using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;

class Train : public ::testing::Test {
 protected:
  /// Four classes: which of the first four numbers is the largest.
  Train() {
    lowbit::testing::Random random(5);
    std::vector<float> values(400 * 12);
    std::vector<std::int64_t> labels;
    for (float& v : values) v = random.gaussian();
    for (std::size_t i = 0; i < 400; ++i) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(i * 12);
      labels.push_back(std::max_element(first, first + 4) - first);
    }
    folder_.write("x.npy", data::npy_file({400, 12}, values));
    folder_.write("y.npy", data::npy_integers({400}, labels));
  }
  std::string file(const std::string& name) const { return folder_ / name; }

  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
  const std::string data_ = " --data npy:" + file("x.npy") + " --labels " + file("y.npy");
  const std::string start_ = "train " + model_ + data_ + " --scheme int4-a4 --lr 0.02 --batch 20";
};

TEST_F(Train, LearnsAndWritesAModel) {
  const CommandResult result = run_command(start_ + " --epochs 8 -o " + file("t.lowbit"));
  ASSERT_EQ(result.status, 0) << result.err;
  const std::size_t at = result.out.find("held-out images"), number = result.out.rfind("; ", at) + 2;
  ASSERT_NE(at, std::string::npos) << result.out;
  EXPECT_GT(std::stod(result.out.substr(number)), 70) << result.out;
  EXPECT_NE(run_command("info " + file("t.lowbit")).out.find("int4-a4"), std::string::npos);
  EXPECT_EQ(run_command("eval " + file("t.lowbit") + data_).status, 0);
}

TEST_F(Train, GoesOnFromACheckpointToTheSameBytes) {
  const std::string start = start_ + " --patience 0 --checkpoint " + file("c");
  ASSERT_EQ(run_command(start_ + " --epochs 3 -o " + file("whole.lowbit")).status, 0);
  ASSERT_EQ(run_command(start + " --epochs 3 -o " + file("once.lowbit")).status, 0);
  const std::string once = folder_.read("once.lowbit");
  EXPECT_EQ(once, folder_.read("whole.lowbit"));
  ASSERT_EQ(run_command(start + " --epochs 3 -o " + file("again.lowbit")).status, 0);
  EXPECT_EQ(folder_.read("again.lowbit"), once) << "nothing is left to do";
}

TEST_F(Train, BadUsage) {
  const auto bad = [&](const std::string& arguments, const std::string& part) {
    return refused_without_a_file(folder_, arguments + " -o " + file("o"), part);
  };
  EXPECT_TRUE(bad("train " + model_, "--data"));
  EXPECT_TRUE(bad("train " + model_ + " --data npy:" + file("x.npy"), "labels"));
  EXPECT_TRUE(bad(start_ + " --optimizer lion", "--optimizer"));
  EXPECT_TRUE(bad(start_ + " --epochs 0", "--epochs"));
  EXPECT_TRUE(bad(start_ + " --validate 400", "too few"));
  EXPECT_TRUE(bad("train " + model_ + data_ + " --scheme int4-a44", "int4-a44"));
}

}  // namespace
}  // namespace lowbit::cli
