// SPDX-License-Identifier: Apache-2.0
// lowbit convert: what is in the file afterwards, and what it says of it.
#include <gtest/gtest.h>

#include <cstring>

#include "cli/command_runner.h"
#include "lowbit/io/gguf/gguf_writer.h"
#include "lowbit/io/safetensors/compressed_tensors.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::refused_without_a_file;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;

/// Blocks of a type, with scales of 0.5 (half) and codes that differ.
std::vector<std::byte> blocks(GgmlType type, int count) {
  const std::size_t size = ggml_block_bytes(type);
  std::vector<std::byte> bytes(size * static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / size);
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    const std::uint16_t half = static_cast<std::uint16_t>(0x3800 + i / size);
    std::memcpy(bytes.data() + i, &half, 2);
  }
  return bytes;
}

class Convert : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_ / name; }
  TemporaryFolder folder_;
};

TEST_F(Convert, TensorsThereAndBackByteForByte) {
  GgufWriter writer;
  writer.set("general.name", "small");
  const std::vector<float> floats{1.0f, -2.5f, 3.0f};
  writer.add("norm.weight", {3}, floats);
  writer.add("halves", {3}, floats, GgmlType::f16);
  writer.add("blk.0.up.weight", {2, 64}, GgmlType::q4_0, blocks(GgmlType::q4_0, 4));
  writer.add("blk.0.down.weight", {2, 64}, GgmlType::q8_0, blocks(GgmlType::q8_0, 4));
  writer.add("blk.1.up.weight", {2, 32}, GgmlType::q4_1, blocks(GgmlType::q4_1, 2));
  writer.save(file("a.gguf"));
  const auto to = run_command("convert " + file("a.gguf") + " " + file("b.safetensors"));
  ASSERT_EQ(to.status, 0) << to.err;
  for (const char* part :
       {"nothing was rounded", "2 tensors as they were: norm.weight, halves",
        "2 tensors with the same codes and scales: blk.0.up.weight, blk.0.down.weight",
        "1 tensors as the F32 that they stand for, since safetensors has no such codes: blk.1.up.weight"})
    EXPECT_NE(to.out.find(part), std::string::npos) << part << "\n" << to.out;
  const auto back = run_command("convert " + file("b.safetensors") + " " + file("c.gguf"));
  ASSERT_EQ(back.status, 0) << back.err;
  const GgufFile first(file("a.gguf")), last(file("c.gguf"));
  for (const GgufTensor& tensor : first.tensors()) {
    const GgufTensor& other = last.tensor(tensor.name);
    EXPECT_EQ(other.shape, tensor.shape);
    EXPECT_EQ(last.floats(other), first.floats(tensor)) << tensor.name;
    const bool is_float = tensor.type == GgmlType::q4_1;
    EXPECT_EQ(other.type, is_float ? GgmlType::f32 : tensor.type) << tensor.name;
    if (is_float) continue;
    const auto a = first.bytes(tensor), b = last.bytes(other);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << tensor.name;
  }
  EXPECT_EQ(last.find("general.name")->to_string(), first.find("general.name")->to_string());
}

TEST_F(Convert, LargerGroupsBecomeSeveralBlocks) {
  QuantizedMatrix q;
  q.format = WeightFormat::s8;
  q.rows = 1, q.cols = 128;
  q.granularity = per_group(64);
  q.scales = {0.5f, 0.25f};
  for (int i = 0; i < 128; ++i) q.codes.push_back(static_cast<std::uint8_t>(i - 64));
  SafetensorsWriter writer;
  CompressedWeights weights;
  weights.format = CompressedFormat::int_quantized;
  weights.bits = 8;
  weights.matrix = q;
  add_compressed(writer, "layer", weights);
  writer.save(file("a.safetensors"));
  const auto to = run_command("convert " + file("a.safetensors") + " " + file("b.gguf"));
  ASSERT_EQ(to.status, 0) << to.err;
  const GgufFile read(file("b.gguf"));
  const GgufTensor& tensor = read.tensor("layer.weight");
  EXPECT_EQ(tensor.type, GgmlType::q8_0);
  const std::vector<float> values = read.floats(tensor);
  for (int i = 0; i < 128; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)], static_cast<float>(i - 64) * (i < 64 ? 0.5f : 0.25f));
}

#ifdef LOWBIT_WITH_ONNX
TEST_F(Convert, Networks) {
  const std::string model = write_small_model(folder_);
  const auto to = run_command("convert " + model + " " + file("a.onnx"));
  ASSERT_EQ(to.status, 0) << to.err;
  EXPECT_NE(to.out.find("the same floats"), std::string::npos) << to.out;
  const auto back = run_command("convert " + file("a.onnx") + " " + file("out") + " --to lowbit");
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_EQ(run_command("info " + file("out")).status, 0);
}
#endif

TEST_F(Convert, BadUsage) {
  const std::string model = write_small_model(folder_);
  const auto bad = [&](const std::string& arguments, const std::string& part) {
    return refused_without_a_file(folder_, "convert " + arguments, part);
  };
  EXPECT_TRUE(bad(model + " " + file("a.bin"), "--to"));
  EXPECT_TRUE(bad(model + " " + file("a.tflite"), "read, not written"));
  EXPECT_TRUE(bad(model + " " + file("a.gguf"), "is a network"));
  EXPECT_TRUE(bad(file("none.onnx") + " " + file("a.lowbit"), "none.onnx"));
}

}  // namespace
}  // namespace lowbit::cli
