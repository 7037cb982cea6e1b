// SPDX-License-Identifier: Apache-2.0
// The importer as a whole: inputs, names, the list of what is not supported, and the trained models.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "io/onnx/onnx_builder.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "support/effort.h"
#include "support/error_of.h"
#include "support/graph_interpreter.h"
#include "support/shared_data.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::OnnxBuilder;
using testing::Sample;

TEST(ImportOnnx, ListsEveryUnsupportedOperator) {
  OnnxBuilder b;
  b.input("x", {0, 2}).output("y");
  b.node("Det", {"x"}, "a"), b.node("Unique", {"a"}, "b"), b.node("Det", {"b"}, "c");
  b.node("Relu", {"c"}, "d"), b.node("Relu", {"d"}, "y").domain("my.ops");
  EXPECT_EQ(error_of([&] { b.import(); }, ErrorCode::unsupported),
            "net.onnx uses operators that lowbit does not have: Det (2), Unique (1), my.ops.Relu (1)");
}

TEST(ImportOnnx, RefusesInputsThatItCannotFix) {
  OnnxBuilder open;
  open.input("image", {0, 3, 0, 32}).output("y");
  open.node("Relu", {"image"}, "y");
  EXPECT_NE(error_of([&] { open.import(); }, ErrorCode::unsupported)
                .find("input 'image' has no fixed size in dimension 2"),
            std::string::npos);
  OnnxBuilder flat;
  flat.input("x", {3}).output("y");
  flat.node("Relu", {"x"}, "y");
  EXPECT_EQ(flat.import().values.at(0).shape, (Shape{3})) << "whole";
}

// As ONNX Runtime: a misspelt attribute would be another network than the one that was meant.
TEST(ImportOnnx, AttributesAreThoseThatTheOperatorHas) {
  OnnxBuilder misspelt;
  misspelt.input("x", {0, 2, 8, 8}).output("y");
  misspelt.random("w", {4, 2, 3, 3});
  misspelt.node("Conv", {"x", "w"}, "y").name("c").with("dilation", std::vector<std::int64_t>{2, 2});
  EXPECT_NE(error_of([&] { misspelt.import(); }, ErrorCode::corrupt_file)
                .find("node 'c' (Conv) has the attribute 'dilation'"),
            std::string::npos);
  OnnxBuilder untyped;
  untyped.input("x", {0, 2}).output("y");
  untyped.node("LeakyRelu", {"x"}, "y").with("alpha", 0.5f);
  untyped.graph().mutable_node(0)->mutable_attribute(0)->clear_type();
  EXPECT_NE(
      error_of([&] { untyped.import(); }, ErrorCode::corrupt_file).find("type of its attribute 'alpha'"),
      std::string::npos);
}

TEST(ImportOnnx, OperatorSetsExist) {
  for (const int version : {0, -3, 28, 1000}) {
    OnnxBuilder b(version);
    b.input("x", {0, 2}).output("y");
    b.node("Relu", {"x"}, "y");
    EXPECT_NE(error_of([&] { b.import(); }, version < 1 ? ErrorCode::corrupt_file : ErrorCode::unsupported)
                  .find(std::to_string(version)),
              std::string::npos);
  }
}

TEST(ImportOnnx, AFixedBatchDoesNotBindAndInitializersAreNoInputs) {
  OnnxBuilder b;
  b.input("x", {1, 2, 3, 3}).input("w", {4, 2, 1, 1}).output("y");
  b.random("w", {4, 2, 1, 1});
  b.node("Conv", {"x", "w"}, "y");
  const Graph g = b.import();
  ASSERT_EQ(g.inputs.size(), 1u);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.inputs[0])].shape, (Shape{2, 3, 3}));
}

TEST(ImportOnnx, NodeNamesAreUniqueAndValuesKeepTheirs) {
  OnnxBuilder b;
  b.input("x", {0, 2}).output("y");
  b.node("Relu", {"x"}, "a").name("relu"), b.node("Relu", {"a"}, "b").name("relu"),
      b.node("Relu", {"b"}, "y");
  const Graph g = b.import();
  EXPECT_EQ(g.nodes[0].name, "relu");
  EXPECT_EQ(g.nodes[1].name, "relu_2");
  EXPECT_EQ(g.nodes[2].name, "y");
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.nodes[1].output)].name, "b");
}

TEST(ImportOnnx, RefusesGraphsThatDoNotHoldTogether) {
  OnnxBuilder undefined;
  undefined.input("x", {0, 2}).output("y");
  undefined.node("Add", {"x", "z"}, "y");
  EXPECT_NE(error_of([&] { undefined.import(); }, ErrorCode::corrupt_file).find("'z'"), std::string::npos);
  OnnxBuilder twice;
  twice.input("x", {0, 2}).output("y");
  twice.node("Relu", {"x"}, "y"), twice.node("Relu", {"x"}, "y");
  error_of([&] { twice.import(); }, ErrorCode::corrupt_file);
  OnnxBuilder nothing;
  nothing.input("x", {0, 2}).output("y");
  nothing.node("Relu", {"x"}, "z");
  EXPECT_NE(error_of([&] { nothing.import(); }, ErrorCode::corrupt_file).find("output 'y'"),
            std::string::npos);
}

TEST(ImportOnnx, MissingFilesAndOtherFormats) {
  error_of([] { import_onnx("/nowhere/net.onnx"); }, ErrorCode::not_found);
  EXPECT_EQ(error_of([] { OnnxBuilder::import_bytes("This is no ONNX file."); }, ErrorCode::corrupt_file),
            "net.onnx is not an ONNX file or is truncated");
}

std::string ops_of(const Graph& g) {
  std::string text;
  for (const Graph::Node& n : g.nodes) {
    if (!text.empty()) text.push_back(' ');
    text.append(ops::op_name(n.op));
  }
  return text;
}

std::size_t count(const Graph& g, std::string_view op) {
  return static_cast<std::size_t>(std::count_if(
      g.nodes.begin(), g.nodes.end(), [&](const Graph::Node& n) { return ops::op_name(n.op) == op; }));
}

TEST(TrainedModels, MnistNetworks) {
  LOWBIT_REQUIRE_SHARED("models/mnist-fc-256x2.onnx");
  for (const auto& [file, layers] :
       {std::pair{"models/mnist-fc-256x2.onnx", 3}, {"models/mnist-fc-256x4.onnx", 5}}) {
    Graph g = import_onnx(testing::shared_data(file).string());
    EXPECT_EQ(g.nodes.size(), static_cast<std::size_t>(2 * layers)) << file;
    EXPECT_EQ(g.values[static_cast<std::size_t>(g.inputs[0])].shape, (Shape{784, 1}));
    fuse(g);
    EXPECT_EQ(count(g, "Linear"), static_cast<std::size_t>(layers));
    EXPECT_EQ(g.nodes.size(), static_cast<std::size_t>(layers + 1));
    EXPECT_EQ(g.values[static_cast<std::size_t>(g.outputs[0])].shape, (Shape{10}));
  }
}

TEST(TrainedModels, ResNet20FusesIntoConvolutions) {
  LOWBIT_REQUIRE_SHARED("models/resnet20-cifar10.onnx");
  Graph g = import_onnx(testing::shared_data("models/resnet20-cifar10.onnx").string());
  EXPECT_EQ(g.nodes.size(), 73u);
  EXPECT_EQ(count(g, "ScaleShift"), 19u);
  std::size_t parameters = 0;
  for (const Graph::Node& n : g.nodes)
    if (const auto* conv = std::get_if<ops::Conv2dOp>(&n.op)) parameters += conv->weight.data.size();
  // 3 x 16, then 6 x 16 x 16, 16 x 32, 5 x 32 x 32, 32 x 64 and 5 x 64 x 64 kernels of 3 x 3.
  EXPECT_EQ(parameters, 9u * (48 + 6 * 256 + 512 + 5 * 1024 + 2048 + 5 * 4096));
  fuse(g);
  EXPECT_EQ(count(g, "Conv2d"), 19u);
  EXPECT_EQ(g.nodes.size(), 19u + 2 + 2 + 1 + 1) << ops_of(g);
  EXPECT_EQ(count(g, "Add") + count(g, "Clamp") + count(g, "ScaleShift") + count(g, "Flatten"), 0u);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.outputs[0])].name, "logits");
}

/// The first bytes of a gzip file, `skip` bytes in.
std::vector<unsigned char> gunzip(const std::string& file, int skip, std::size_t size) {
  std::vector<unsigned char> bytes(size);
  const std::string path = testing::shared_data(file).string();
  gzFile gz = gzopen(path.c_str(), "rb");
  const bool ok = gz && gzseek(gz, skip, SEEK_SET) == skip &&
                  gzread(gz, bytes.data(), static_cast<unsigned>(size)) == static_cast<int>(size);
  if (gz) gzclose(gz);
  EXPECT_TRUE(ok) << path;
  return bytes;
}

int top1(const Sample& logits) {
  return static_cast<int>(std::max_element(logits.data.begin(), logits.data.end()) - logits.data.begin());
}

/// Published: 9808 and 9764 of 10,000 are right.
TEST(TrainedModels, MnistNetworksRecognizeDigits) {
  LOWBIT_REQUIRE_SHARED("models/mnist-fc-256x2.onnx");
  LOWBIT_REQUIRE_SHARED("data/mnist/t10k-images-idx3-ubyte.gz");
  constexpr int kImages = 200;
  const auto images = gunzip("data/mnist/t10k-images-idx3-ubyte.gz", 16, std::size_t{kImages} * 784);
  const auto labels = gunzip("data/mnist/t10k-labels-idx1-ubyte.gz", 8, kImages);
  for (const char* file : {"models/mnist-fc-256x2.onnx", "models/mnist-fc-256x4.onnx"}) {
    const Graph g = import_onnx(testing::shared_data(file).string());
    Graph fused = g;
    fuse(fused);
    int right = 0;
    for (std::size_t i = 0; i < kImages; ++i) {
      Sample in{{784, 1}, {}};
      for (std::size_t p = 0; p < 784; ++p) in.data.push_back(images[i * 784 + p] / 255.0);
      const Sample before = testing::interpret(g, {&in, 1})[0],
                   after = testing::interpret(fused, {&in, 1})[0];
      EXPECT_EQ(before.data, after.data);  // no scale is folded: only Flatten stays and ReLU moves
      right += top1(after) == labels[i];
    }
    EXPECT_GE(right, 190) << file;
  }
}

/// The first CIFAR-10 test images: fused and unfused agree, and about the published share is right (81.03 %
/// of all).
TEST(TrainedModels, ResNet20ClassifiesTheSameBeforeAndAfterFusion) {
  LOWBIT_REQUIRE_SHARED("models/resnet20-cifar10.onnx");
  LOWBIT_REQUIRE_SHARED("data/cifar10/test_batch.bin");
  constexpr int kImages = testing::kSlowdown > 1 ? 2 : 10;
  const Graph g = import_onnx(testing::shared_data("models/resnet20-cifar10.onnx").string());
  Graph fused = g;
  fuse(fused);
  std::ifstream file(testing::shared_data("data/cifar10/test_batch.bin"), std::ios::binary);
  constexpr std::array<double, 3> kMean{0.485, 0.456, 0.406}, kStd{0.229, 0.224, 0.225};
  int right = 0;
  for (int i = 0; i < kImages; ++i) {
    std::array<char, 3073> record;
    ASSERT_TRUE(file.read(record.data(), record.size()));
    Sample in{{3, 32, 32}, std::vector<double>(3072)};
    for (std::size_t p = 0; p < 3072; ++p)
      in.data[p] = (static_cast<unsigned char>(record[p + 1]) / 255.0 - kMean[p / 1024]) / kStd[p / 1024];
    const Sample before = testing::interpret(g, {&in, 1})[0], after = testing::interpret(fused, {&in, 1})[0];
    for (std::size_t k = 0; k < 10; ++k) EXPECT_NEAR(before.data[k], after.data[k], 1e-4);
    right += top1(after) == record[0];
  }
  EXPECT_GE(right, 7 * kImages / 10);
}

}  // namespace
}  // namespace lowbit
