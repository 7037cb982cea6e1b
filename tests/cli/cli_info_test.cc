// SPDX-License-Identifier: Apache-2.0
// lowbit info of files of tensors.
#include <gtest/gtest.h>

#include "command_runner.h"
#include "lowbit/io/gguf/gguf_writer.h"
#include "lowbit/io/safetensors/safetensors_writer.h"

namespace lowbit {
namespace {

using testing::run_command;

class TensorFiles : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  std::vector<float> values_ = std::vector<float>(64, 0.5f);
};

TEST_F(TensorFiles, AreListed) {
  GgufWriter gguf;
  gguf.set("general.architecture", "a\x1b[31m");
  gguf.add("norm", {2, 32}, values_, GgmlType::bf16);
  gguf.add("up", {2, 32}, GgmlType::q8_0, std::vector<std::byte>(68));
  gguf.save(folder_ / "x.gguf");
  const testing::CommandResult text = run_command("info " + folder_ / "x.gguf");
  EXPECT_EQ(text.status, 0) << text.err;
  for (const char* part :
       {"GGUF 3, 2 tensors", "general.architecture", "norm", "BF16", "2x32", "128", "Q8_0", "codes"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << " in " << text.out;
  EXPECT_EQ(text.out.find('\x1b'), std::string::npos);
  EXPECT_NE(run_command("info --json " + folder_ / "x.gguf").out.find("\"type\": \"Q8_0\""),
            std::string::npos);

  SafetensorsWriter safetensors;
  safetensors.set_metadata("format", "pt");
  safetensors.add("up.weight", SafetensorsType::f8_e4m3, {8, 8}, values_);
  safetensors.add("up.weight_scale", SafetensorsType::f32, {1}, std::span(values_).first(1));
  safetensors.save(folder_ / "x.safetensors");
  const testing::CommandResult listed = run_command("info " + folder_ / "x.safetensors");
  EXPECT_EQ(listed.status, 0) << listed.err;
  for (const char* part : {"safetensors, 2 tensors", "format", "pt", "F8_E4M3", "8x8", "codes", "68 bytes"})
    EXPECT_NE(listed.out.find(part), std::string::npos) << part << " in " << listed.out;
}

TEST_F(TensorFiles, DamagedOnesAreRefused) {
  EXPECT_TRUE(refused(run_command("info " + folder_.write("x.gguf", "GGUF\x03")), "x.gguf"));
  EXPECT_TRUE(refused(run_command("info " + folder_.write("x.safetensors", "12345678{")), "x.safetensors"));
  EXPECT_TRUE(refused(run_command("info " + folder_ / "none.gguf"), "none.gguf"));
}

}  // namespace
}  // namespace lowbit
