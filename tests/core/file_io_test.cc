// SPDX-License-Identifier: Apache-2.0
#include "core/file_io.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lowbit/core/error.h"
#include "support/temporary_folder.h"
#ifndef _WIN32
#include <sys/stat.h>
#endif

namespace lowbit {
namespace {

using lowbit::testing::TemporaryFolder;

TEST(OutputFile, AppearsOnCommitOnly) {
  TemporaryFolder folder;
  {
    OutputFile file(folder / "out");
    file.write("half");
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  }
  EXPECT_EQ(folder.file_count(), 0u);
  {
    OutputFile file(folder / "out");
    file.write("wh");
    OutputFile moved(std::move(file));
    moved.write("ole");
    moved.commit();
  }
  EXPECT_EQ(folder.read("out"), "whole");
  EXPECT_EQ(folder.file_count(), 1u);
}

TEST(OutputFile, KeepsTheOldFileUntilCommit) {
  TemporaryFolder folder;
  folder.write("out", "old");
  { OutputFile(folder / "out").write("new"); }
  EXPECT_EQ(folder.read("out"), "old");
  OutputFile file(folder / "out");
  file.write("new");
  file.commit();
  EXPECT_EQ(folder.read("out"), "new");
}

#ifndef _WIN32
TEST(OutputFile, WritesToWhatALinkLeadsTo) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "there");
  std::filesystem::create_symlink("there/file", folder / "middle");
  std::filesystem::create_symlink("middle", folder / "link");
  write_file(folder / "link", std::vector(3, std::byte{'a'}));  // there is no file yet
  EXPECT_EQ(folder.read("there/file"), "aaa");
  std::filesystem::permissions(folder / "there/file", std::filesystem::perms::owner_read |
                                                          std::filesystem::perms::owner_write |
                                                          std::filesystem::perms::others_read);
  const auto permissions = std::filesystem::status(folder / "there/file").permissions();
  write_file(folder / "link", std::vector(3, std::byte{'b'}));
  EXPECT_EQ(folder.read("there/file"), "bbb");
  EXPECT_EQ(std::filesystem::status(folder / "there/file").permissions(), permissions);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "middle"));

  std::filesystem::create_symlink("round", folder / "round");
  EXPECT_THROW(OutputFile(folder / "round"), Error);
}

TEST(OutputFile, WritesThroughPipes) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = folder.read("pipe"); });
  {
    OutputFile file(folder / "pipe");
    file.write("through");
    file.commit();
  }
  reader.join();
  EXPECT_EQ(got, "through");
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
  EXPECT_EQ(folder.file_count(), 1u);
}

TEST(OutputFile, LeavesDevicesAlone) {
  if (!std::filesystem::is_character_file("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  OutputFile file("/dev/full");
  file.write("lost");
  EXPECT_THROW(file.commit(), Error);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}
#endif

TEST(OutputFile, TemporariesCanBeRemovedAtOnce) {
  TemporaryFolder folder;
  OutputFile a(folder / "a"), b(folder / "b");
  a.commit();
  EXPECT_EQ(folder.file_count(), 2u);
  remove_temporaries();
  EXPECT_EQ(folder.file_count(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder / "a"));
}

TEST(OutputFile, RefusesWhatCannotBeAFile) {
  TemporaryFolder folder;
  EXPECT_THROW(OutputFile(folder / "missing/out"), Error);
  EXPECT_THROW(OutputFile(folder.path()), Error);
  EXPECT_THROW(OutputFile(""), Error);
  EXPECT_EQ(folder.file_count(), 0u);
}

TEST(File, ReadsWholeFilesAndPrefixes) {
  TemporaryFolder folder;
  const std::string path = folder.write("x", "0123456789");
  EXPECT_EQ(file_size(path), 10u);
  EXPECT_EQ(read_file(path).size(), 10u);
  EXPECT_EQ(read_prefix(path, 4), "0123");
  EXPECT_EQ(read_prefix(path, 40), "0123456789");
  EXPECT_THROW(read_file(folder / "y"), Error);
  EXPECT_THROW(read_file(folder.path()), Error);
}

TEST(File, WritesWholeFiles) {
  TemporaryFolder folder;
  const std::vector<std::byte> bytes(100, std::byte{7});
  write_file(folder / "y", bytes);
  EXPECT_EQ(read_file(folder / "y"), bytes);
  EXPECT_EQ(folder.file_count(), 1u);
}

}  // namespace
}  // namespace lowbit
