// SPDX-License-Identifier: Apache-2.0
// Where results go, and that nothing of them is lost in silence or left behind.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "cli/command_runner.h"
#include "data/npy.h"
#ifndef _WIN32
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
extern char** environ;
#endif

namespace lowbit::cli {
namespace {

using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;

class Output : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  const std::string model_ = lowbit::testing::write_small_model(folder_);
  const std::string data_ =
      "--data npy:" + folder_.write("x.npy", data::npy_header({8, 12}) + std::string(8 * 12 * 4, '\0'));
};

TEST_F(Output, ADashIsStandardOutputAlone) {
  const auto quantized = run_command("quantize " + model_ + " --scheme int8-wo -o -");
  EXPECT_EQ(quantized.status, 0) << quantized.err;
  EXPECT_NE(quantized.err.find("standard output: int8-wo"), std::string::npos) << quantized.err;
  EXPECT_EQ(run_command("quantize " + model_ + " --scheme int8-wo -o " + folder_ / "q.lowbit").status, 0);
  EXPECT_EQ(quantized.out, folder_.read("q.lowbit"));

  const auto table = run_command("calibrate " + model_ + " " + data_ + " -o -");
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_EQ(table.out.front(), '{');

  const auto outputs = run_command("run " + model_ + " --input " + folder_ / "x.npy" + " --output -");
  EXPECT_EQ(outputs.status, 0) << outputs.err;
  EXPECT_EQ(outputs.out.substr(1, 5), "NUMPY");
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST_F(Output, ALinkIsFollowed) {
  folder_.write("real.lowbit", "old");
  std::filesystem::create_symlink("real.lowbit", folder_ / "link.lowbit");
  EXPECT_EQ(run_command("quantize " + model_ + " --scheme int8-wo -o " + folder_ / "link.lowbit").status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link.lowbit"));
  EXPECT_EQ(folder_.read("real.lowbit").substr(0, 6), "LOWBIT");
}

#ifndef _WIN32
/// The command as a process with its standard output and error there.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::string& out, const std::string& err = "/dev/null") {
    const std::string command = LOWBIT_COMMAND;
    arguments.insert(arguments.begin(), command);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const auto open = [&](int descriptor, const std::string& path) {
      posix_spawn_file_actions_addopen(&actions, descriptor, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                       0600);
    };
    open(1, out), open(2, err);
    if (posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ) != 0) id_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  void send(int signal) const { kill(id_, signal); }
  /// The exit status; -1 where there is none.
  int wait() const {
    int status = 0;
    return waitpid(id_, &status, 0) == id_ && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t id_ = -1;
};

TEST_F(Output, WhatCannotBeWrittenIsSaid) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  const std::string npy = "npy:" + folder_ / "x.npy";
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"info", model_},
                                             {"eval", model_, "--data", npy, "--json", "-"},
                                             {"--help"},
                                             {"schemes"},
                                             {"quantize", model_, "--scheme", "int8-wo", "-o", "-"}}) {
    EXPECT_EQ(Process(command, "/dev/full", folder_ / "err").wait(), 1) << command[0];
    EXPECT_NE(folder_.read("err").find("cannot write"), std::string::npos) << command[0];
  }
  EXPECT_EQ(run_command("quantize " + model_ + " --scheme int8-wo -o /dev/full").status, 2);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(Output, AnInterruptRemovesWhatIsHalfWritten) {
  // A pipe that nobody reads holds the command after it has made the other, temporary file.
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  const std::string npy = "npy:" + folder_ / "x.npy";
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::size_t before = folder_.file_count();
    const Process process(
        {"sensitivity", model_, "--data", npy, "--json", folder_ / "table.json", "--html", folder_ / "pipe"},
        "/dev/null");
    while (folder_.file_count() == before) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    process.send(signal);
    EXPECT_EQ(process.wait(), 130);
    EXPECT_EQ(folder_.file_count(), before);
  }
}

TEST_F(Output, AnInterruptedEvalShowsWhatIsDone) {
  constexpr std::int64_t kManySamples = 400000;  // of many seconds with all schemes
  folder_.write("many.npy", data::npy_header({kManySamples, 12}) +
                                std::string(static_cast<std::size_t>(kManySamples) * 48, '\1'));
  std::string text;
  // Too early, and there is nothing yet that could be shown.
  for (int ms = 100; ms < 20000 && text.empty(); ms *= 2) {
    const Process process({"eval", model_, "--data", "npy:" + folder_ / "many.npy", "--scheme", "all"},
                          folder_ / "out");
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    process.send(SIGINT);
    const int status = process.wait();
    if (status == -1) continue;  // before the program could look out for signals
    ASSERT_EQ(status, 130);
    text = folder_.read("out");
  }
  EXPECT_NE(text.find("fp32"), std::string::npos) << text;
  EXPECT_NE(text.find("warning: stopped "), std::string::npos) << text;
}
#endif

}  // namespace
}  // namespace lowbit::cli
