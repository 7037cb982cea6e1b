// SPDX-License-Identifier: Apache-2.0
// lowbit train: a network that had learned nothing learns in the codes of a scheme.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "support/effort.h"

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

TEST_F(Train, SaysWhatIntegersDoOtherwise) {
  const CommandResult result = run_command(start_ + " --epochs 4 -o " + file("t.lowbit"));
  ASSERT_EQ(result.status, 0) << result.err;
  const std::size_t at = result.out.find("in integers ");
  ASSERT_NE(at, std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" of 40 right, in rounded floats ", at), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("100.000000 % equal", at), std::string::npos) << result.out;

  const CommandResult eval = run_command("eval " + file("t.lowbit") + data_ + " --against-floats --json -");
  ASSERT_EQ(eval.status, 0) << eval.err;
  EXPECT_NE(eval.out.find("\"deployed\""), std::string::npos) << eval.out;
  EXPECT_NE(eval.out.find("\"different_answers\": 0"), std::string::npos) << eval.out;
  EXPECT_NE(
      run_command("eval " + file("t.lowbit") + data_ + " --against-floats").out.find("0 answers differ"),
      std::string::npos);
  const CommandResult fp32 = run_command("eval " + model_ + data_ + " --against-floats");
  EXPECT_EQ(fp32.status, 2);
  EXPECT_NE(fp32.err.find("one quantized model"), std::string::npos) << fp32.err;
}

TEST_F(Train, FromScratchAndWithAReport) {
  folder_.write("n.json", R"({"format": "lowbit-network", "version": 1, "input": [12], "layers": [
    {"layer": "linear", "name": "first", "outputs": 24}, {"layer": "relu"},
    {"layer": "linear", "name": "second", "outputs": 4}]})");
  const std::string start =
      "train --from-scratch " + file("n.json") + data_ + " --lr 0.02 --batch 20 --epochs 8";
  for (const char* scheme : {"fp32", "int4-a4"}) {
    const CommandResult result = run_command(start + " --scheme " + scheme + " --report " + file("r.html") +
                                             " -o " + file("t.lowbit"));
    ASSERT_EQ(result.status, 0) << result.err;
    const std::size_t at = result.out.find("held-out images"), number = result.out.rfind("; ", at) + 2;
    ASSERT_NE(at, std::string::npos) << result.out;
    EXPECT_GT(std::stod(result.out.substr(number)), 70) << scheme << result.out;
    const std::string page = folder_.read("r.html");
    EXPECT_NE(page.find("<svg"), std::string::npos);
    EXPECT_NE(page.find(std::string("trained as ") + scheme), std::string::npos);
    EXPECT_NE(run_command("info " + file("t.lowbit")).out.find("second"), std::string::npos);
  }
  const std::string first = folder_.read("t.lowbit");
  ASSERT_EQ(run_command(start + " --scheme int4-a4 -o " + file("again.lowbit")).status, 0);
  EXPECT_EQ(folder_.read("again.lowbit"), first);
  ASSERT_EQ(run_command(start + " --scheme int4-a4 --seed 3 -o " + file("other.lowbit")).status, 0);
  EXPECT_NE(folder_.read("other.lowbit"), first);
  EXPECT_TRUE(refused_without_a_file(folder_, start + " " + model_ + " -o " + file("o"), "one of the two"));
  EXPECT_TRUE(refused_without_a_file(folder_, "train " + data_ + " -o " + file("o"), "one of the two"));
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

TEST_F(Train, TakesEveryWayOfLearningCodes) {
  for (const char* options :
       {"--activation-steps lsq+ --weight-steps dorefa", "--activation-steps pact --estimator ewgs",
        "--activation-steps adaptive --dampening 0.001 --freeze-above 0.02",
        "--activation-steps fixed --weight-steps fixed"}) {
    const CommandResult result = run_command(start_ + " --epochs 2 " + options + " -o " + file("t.lowbit"));
    EXPECT_EQ(result.status, 0) << options << result.err;
  }
  const CommandResult signs = run_command(
      "train " + model_ + data_ + " --scheme binary-a1 --override second=int8 --sign-gradient clipped" +
      " --batch 20 -o " + file("s.lowbit"));
  EXPECT_EQ(signs.status, 0) << signs.err;
  EXPECT_NE(run_command("info " + file("s.lowbit")).out.find("binary-a1"), std::string::npos);
}

TEST_F(Train, FindsARateAndDrawsTheLoss) {
  const std::string start =
      "train " + model_ + data_ + " --scheme int4-a4 --lr auto --batch 20 --epochs 4 -o ";
  const CommandResult result = run_command(start + file("a.lowbit"));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("by a range test"), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("loss of the epochs: \u2588"), std::string::npos) << result.out;
  ASSERT_EQ(run_command(start + file("b.lowbit")).status, 0);
  EXPECT_EQ(folder_.read("a.lowbit"), folder_.read("b.lowbit"));
}

#ifndef _WIN32
/// Starts the training and kills it when it has written its first checkpoint.
void kill_after_a_checkpoint(const std::string& arguments, const std::string& checkpoint) {
  const std::string inode = "$(ls -i " + checkpoint + " 2>/dev/null)";
  const std::string line = "before=" + inode + "; \"" LOWBIT_COMMAND "\" " + arguments +
                           " >/dev/null 2>&1 & p=$!; while kill -0 $p 2>/dev/null && [ \"" + inode +
                           "\" = \"$before\" ]; do sleep 0.005; done; kill -9 $p; wait $p 2>/dev/null";
  const int ignored = std::system(("before=; " + line).c_str());
  static_cast<void>(ignored);
}

TEST_F(Train, GoesOnAfterKillsToTheSameBytes) {
  const std::string epochs = std::to_string(lowbit::testing::affordable(300));
  const std::string whole = start_ + " --epochs " + epochs + " --estimator ewgs --freeze-above 0.01",
                    start = whole + " --checkpoint " + file("c") + " -o " + file("killed.lowbit");
  ASSERT_EQ(run_command(whole + " -o " + file("whole.lowbit")).status, 0);
  for (int i = 0; i < 3; ++i) kill_after_a_checkpoint(start, file("c"));
  const std::string checkpoint = folder_.read("c");
  EXPECT_GT(checkpoint.size(), 1000u);

  // Files of more than 4 or 8 KiB, as the checkpoint is, cannot be written: as on a full disk.
  const CommandResult full = run_command(start, "trap '' XFSZ; ulimit -f 8; ");
  EXPECT_EQ(full.status, 2) << full.err;
  EXPECT_NE(full.err.find("lowbit: "), std::string::npos) << full.err;
  EXPECT_EQ(folder_.read("c"), checkpoint) << "the one before is kept";

  ASSERT_EQ(run_command(start).status, 0);
  EXPECT_EQ(folder_.read("killed.lowbit"), folder_.read("whole.lowbit"));
}

TEST_F(Train, AFullDeviceIsASentence) {
  const std::string start = start_ + " --epochs 2 --checkpoint " + file("c");
  const CommandResult full = run_command(start + " -o /dev/full");
  EXPECT_EQ(full.status, 2) << full.err;
  EXPECT_NE(full.err.find("lowbit: "), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("/dev/full"), std::string::npos) << full.err;
  ASSERT_EQ(run_command(start + " -o " + file("again.lowbit")).status, 0) << "nothing is lost";
  ASSERT_EQ(run_command(start_ + " --epochs 2 -o " + file("whole.lowbit")).status, 0);
  EXPECT_EQ(folder_.read("again.lowbit"), folder_.read("whole.lowbit"));
  const CommandResult checkpoint =
      run_command(start_ + " --epochs 2 --checkpoint /dev/full -o " + file("o.lowbit"));
  EXPECT_EQ(checkpoint.status, 2);
  EXPECT_NE(checkpoint.err.find("/dev/full"), std::string::npos) << checkpoint.err;
}
#endif

TEST_F(Train, DivergenceAndForeignLabelsAreSentences) {
  const CommandResult diverged =
      run_command("train " + model_ + data_ +
                  " --optimizer sgd --schedule constant --lr 1e30 --batch 20 -o " + file("d.lowbit"));
  EXPECT_EQ(diverged.status, 2) << diverged.err;
  EXPECT_NE(diverged.err.find("diverged in epoch 1"), std::string::npos) << diverged.err;
  std::vector<std::int64_t> labels(400, 2);
  labels[17] = 4;
  folder_.write("z.npy", data::npy_integers({400}, labels));
  EXPECT_TRUE(refused_without_a_file(folder_,
                                     "train " + model_ + " --data npy:" + file("x.npy") + " --labels " +
                                         file("z.npy") + " --scheme int4-a4 -o " + file("z.lowbit"),
                                     "is 4, there are classes 0 to 3"));
}

TEST_F(Train, BadUsage) {
  const auto bad = [&](const std::string& arguments, const std::string& part) {
    return refused_without_a_file(folder_, arguments + " -o " + file("o"), part);
  };
  EXPECT_TRUE(bad("train " + model_, "--data"));
  EXPECT_TRUE(bad("train " + model_ + " --data npy:" + file("x.npy"), "labels"));
  EXPECT_TRUE(bad(start_ + " --optimizer lion", "--optimizer"));
  EXPECT_TRUE(bad(start_ + " --epochs 0", "--epochs"));
  EXPECT_TRUE(bad("train " + model_ + data_ + " --lr fast", "--lr is a rate"));
  EXPECT_TRUE(bad(start_ + " --activation-steps lsq++", "--activation-steps"));
  EXPECT_TRUE(bad(start_ + " --dampening -1", "--dampening"));
  EXPECT_TRUE(bad(start_ + " --validate 400", "too few"));
  EXPECT_TRUE(bad("train " + model_ + data_ + " --scheme int4-a44", "int4-a44"));
}

}  // namespace
}  // namespace lowbit::cli
