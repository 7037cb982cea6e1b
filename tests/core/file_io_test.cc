#include "core/file_io.h"

#include <gtest/gtest.h>

#include "lowbit/core/error.h"
#include "support/temporary_folder.h"

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
