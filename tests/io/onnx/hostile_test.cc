// SPDX-License-Identifier: Apache-2.0
// Files as hostile input: damaged bytes, sizes that lie, external data that leads elsewhere. Whatever comes
// is refused with lowbit::Error or imported; nothing else may happen (the sanitizer builds see to it).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/onnx/onnx_builder.h"
#include "lowbit/core/error.h"
#include "support/effort.h"

namespace lowbit {
namespace {

namespace fs = std::filesystem;
using testing::NodeBuilder;
using testing::OnnxBuilder;

OnnxBuilder small_network() {
  OnnxBuilder b;
  b.input("x", {0, 4, 6, 6}).output("y");
  b.random("w", {4, 4, 3, 3}), b.random("fc", {5, 36});
  b.integers("shape", {0, -1}), b.integers("st", {0}), b.integers("en", {9}), b.integers("ax", {1});
  b.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  b.node("Conv", {"x", "w"}, "c").with("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  b.node("Add", {"c", "x"}, "a"), b.node("Relu", {"a"}, "r"), b.node("Pad", {"r", "pads"}, "p");
  b.node("MaxPool", {"p"}, "m")
      .with("kernel_shape", std::vector<std::int64_t>{2, 2})
      .with("strides", std::vector<std::int64_t>{2, 2})
      .with("pads", std::vector<std::int64_t>{0, 0, 0, 0});
  b.node("Slice", {"m", "st", "en", "ax"}, "s");
  b.node("AveragePool", {"s"}, "v").with("kernel_shape", std::vector<std::int64_t>{2, 2});
  b.node("Reshape", {"v", "shape"}, "f"), b.node("Gemm", {"f", "fc"}, "g").with("transB", 1);
  b.node("Softmax", {"g"}, "y");
  return b;
}

/// True when the bytes are a graph, false when they are refused.
bool imports(const std::string& bytes, const std::string& folder = {}) {
  try {
    Graph g = OnnxBuilder::import_bytes(bytes, folder);
    fuse(g);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(HostileOnnx, TheIntactNetworkImports) {
  EXPECT_TRUE(imports(small_network().bytes()));
}

TEST(HostileOnnx, TruncationIsRefused) {
  const std::string bytes = small_network().bytes();
  for (std::size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 97)
    EXPECT_FALSE(imports(bytes.substr(0, size))) << size << " of " << bytes.size();
}

TEST(HostileOnnx, FlippedBytesNeverDoMoreThanThrow) {
  const std::string bytes = small_network().bytes();
  testing::Random random(3);
  int refused = 0;
  for (int round = 0; round < (testing::kSlowdown > 1 ? 1000 : 4000); ++round) {
    std::string damaged = bytes;
    for (std::int64_t i = random.integer(1, 4); i > 0; --i) {
      const auto at =
          static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(bytes.size()) - 1));
      damaged[at] = static_cast<char>(random.integer(0, 255));
    }
    refused += !imports(damaged);
  }
  EXPECT_GT(refused, 0);
}

/// Damage where it hurts: the structure, with most of the weights left out.
TEST(HostileOnnx, DamagedStructureNeverDoesMoreThanThrow) {
  OnnxBuilder b = small_network();
  const std::vector<std::int64_t> numbers{0,
                                          -1,
                                          1,
                                          2,
                                          7,
                                          1 << 24,
                                          1ll << 31,
                                          1ll << 62,
                                          -(1ll << 62),
                                          std::numeric_limits<std::int64_t>::min(),
                                          std::numeric_limits<std::int64_t>::max()};
  testing::Random random(5);
  const auto any = [&] {
    return numbers[static_cast<std::size_t>(
        random.integer(0, static_cast<std::int64_t>(numbers.size()) - 1))];
  };
  for (int round = 0; round < (testing::kSlowdown > 1 ? 1000 : 3000); ++round) {
    OnnxBuilder damaged = b;
    for (auto& node : *damaged.graph().mutable_node())
      for (auto& a : *node.mutable_attribute())
        for (auto& v : *a.mutable_ints())
          if (random.integer(0, 9) == 0) v = any();
    for (auto& t : *damaged.graph().mutable_initializer()) {
      for (auto& v : *t.mutable_int64_data())
        if (random.integer(0, 9) == 0) v = any();
      for (auto& v : *t.mutable_dims())
        if (random.integer(0, 49) == 0) v = any();
    }
    for (auto& dim : *damaged.graph()
                          .mutable_input(0)
                          ->mutable_type()
                          ->mutable_tensor_type()
                          ->mutable_shape()
                          ->mutable_dim())
      if (random.integer(0, 19) == 0) dim.set_dim_value(any());
    imports(damaged.bytes());
  }
}

TEST(HostileOnnx, SizesThatLieAreRefusedBeforeAnythingIsAllocated) {
  for (const std::vector<std::int64_t>& dims :
       {std::vector<std::int64_t>{1ll << 40, 4}, {1ll << 62, 1ll << 62}, {-4, 4}, {4, 5}}) {
    for (const bool raw : {false, true}) {
      OnnxBuilder b;
      b.input("x", {0, 4}).output("y");
      auto& w = b.tensor("w", dims, onnx::TensorProto::FLOAT);
      if (raw)
        w.set_raw_data(std::string(64, '\0'));
      else
        for (int i = 0; i < 16; ++i) w.add_float_data(1);
      b.node("Gemm", {"x", "w"}, "y");
      EXPECT_FALSE(imports(b.bytes()));
    }
  }
}

TEST(HostileOnnx, FilledTensorsThatLieAreRefusedBeforeAnythingIsAllocated) {
  for (const std::int64_t size : {1ll << 27, 1ll << 31, 1ll << 62}) {
    OnnxBuilder b;
    b.input("x", {0, 2, 8, 8}).output("y");
    b.random("w", {4, 2, 3, 3}), b.integers("s", {size});
    b.node("ConstantOfShape", {"s"}, "b");
    b.node("Conv", {"x", "w", "b"}, "y");
    EXPECT_FALSE(imports(b.bytes())) << size;
  }
}

/// What is said of a file.
std::string complaint(const OnnxBuilder& b) {
  try {
    b.import();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::corrupt_file) << e.what();
    return e.what();
  }
  return "nothing";
}

/// A node between the input "x" of shape {N, 2, 8, 8} and the output "y".
OnnxBuilder lone(int opset, const std::string& op, const std::vector<std::string>& inputs) {
  OnnxBuilder b(opset);
  b.input("x", {0, 2, 8, 8}).output("y");
  b.node(op, inputs, "y").name("n");
  return b;
}

NodeBuilder node_of(OnnxBuilder& b) {
  return NodeBuilder(b.graph().mutable_node(0));
}

TEST(HostileOnnx, NodesHaveTheInputsAndOutputsOfTheirOperator) {
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "node 'n' (Relu) has 2 inputs; it must have 1",
                      complaint(lone(13, "Relu", {"x", "x"})));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has 1 input; it must have 2",
                      complaint(lone(13, "Add", {"x"})));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has 0 inputs; it must have 1 or more",
                      complaint(lone(13, "Concat", {})));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "leaves out its input 1",
                      complaint(lone(13, "Add", {"x", ""})));
  OnnxBuilder outputs = lone(13, "Abs", {"x"});
  node_of(outputs).output("more");
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has 2 outputs; it must have 1", complaint(outputs));
}

TEST(HostileOnnx, OperatorsAreThoseOfTheOperatorSet) {
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "(Gelu) came with the operator set 20; the file has 13",
                      complaint(lone(13, "Gelu", {"x"})));
  EXPECT_TRUE(imports(lone(20, "Gelu", {"x"}).bytes()));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "(Upsample) is gone since the operator set 10",
                      complaint(lone(10, "Upsample", {"x", "x"})));
  for (const int opset : {13, 18}) {
    OnnxBuilder b = lone(opset, "ReduceMean", {"x"});
    node_of(b).with("axes", std::vector<std::int64_t>{2, 3});
    EXPECT_EQ(imports(b.bytes()), opset == 13) << "an input since 18";
  }
}

TEST(HostileOnnx, AttributesHaveTheTypeOfTheStandard) {
  OnnxBuilder other = lone(13, "LeakyRelu", {"x"});
  node_of(other).with("alpha", 1);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has the attribute 'alpha' in another type than FLOAT",
                      complaint(other));
  OnnxBuilder both = lone(13, "LeakyRelu", {"x"});
  node_of(both).with("alpha", 0.5f);
  both.graph().mutable_node(0)->mutable_attribute(0)->set_i(1);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "needs one value, of the type FLOAT", complaint(both));
  OnnxBuilder twice = lone(13, "LeakyRelu", {"x"});
  node_of(twice).with("alpha", 0.5f).with("alpha", 0.25f);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has the attribute 'alpha' twice", complaint(twice));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "lacks the attribute 'kernel_shape'",
                      complaint(lone(13, "MaxPool", {"x"})));
  OnnxBuilder zero = lone(13, "LeakyRelu", {"x"});
  node_of(zero).with("alpha", 0.0f);
  zero.graph().mutable_node(0)->mutable_attribute(0)->clear_f();
  EXPECT_TRUE(imports(zero.bytes())) << "some writers leave zeros out";
}

TEST(HostileOnnx, EmptyListsAreNotTheDefault) {
  OnnxBuilder b = lone(13, "ConvTranspose", {"x", "w"});
  b.random("w", {2, 4, 3, 3});
  node_of(b).with("strides", std::vector<std::int64_t>{});
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has 0 numbers as its attribute 'strides'", complaint(b));
}

TEST(HostileOnnx, ParametersAreVectors) {
  OnnxBuilder tile = lone(13, "Tile", {"x", "r"});
  auto& repeats = tile.tensor("r", {2, 2}, onnx::TensorProto::INT64);
  for (int i = 0; i < 4; ++i) repeats.add_int64_data(1);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "has an input 1 of 2x2, which is no vector", complaint(tile));
  OnnxBuilder norm = lone(13, "BatchNormalization", {"x", "p", "p", "p", "q"});
  norm.floats("p", {2}, {1, 1}), norm.floats("q", {1, 2}, {1, 1});
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "needs 2 floats in 'q'", complaint(norm));
}

TEST(HostileOnnx, OneOperatorSetIsNamed) {
  OnnxBuilder none = lone(13, "Relu", {"x"});
  none.model().clear_opset_import();
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "does not say which operator set", complaint(none));
  none.model().set_ir_version(2);
  EXPECT_TRUE(imports(none.bytes())) << "the first one, then";
  OnnxBuilder two = lone(13, "Relu", {"x"});
  two.model().add_opset_import()->set_version(14);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "the operator sets 13 and 14 at once", complaint(two));
}

TEST(HostileOnnx, NamesAreGivenOnce) {
  OnnxBuilder nodes = lone(13, "Relu", {"x"});
  nodes.node("Abs", {"x"}, "y");
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "'y' is computed twice", complaint(nodes));
  OnnxBuilder masks = lone(13, "Dropout", {"x"});
  node_of(masks).output("m");
  masks.node("Dropout", {"y"}, "z").output("m");
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "'m' is computed twice", complaint(masks));
  OnnxBuilder tensors = lone(13, "Add", {"x", "c"});
  tensors.floats("c", {1}, {1}), tensors.floats("c", {1}, {2});
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "'c' is computed twice", complaint(tensors));
}

TEST(HostileOnnx, DeclaredTypesAreTrue) {
  OnnxBuilder b = lone(13, "Relu", {"x"});
  auto* type = b.graph().mutable_output(0)->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  EXPECT_TRUE(imports(b.bytes()));
  type->set_elem_type(onnx::TensorProto::INT64);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "'y' is declared as INT64 and computed as floats",
                      complaint(b));
}

TEST(HostileOnnx, TensorsHaveTheirElementsInOneField) {
  OnnxBuilder b = lone(13, "Add", {"x", "c"});
  b.floats("c", {1}, {1}).set_raw_data(std::string(4, '\0'));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "tensor 'c' has elements in several fields", complaint(b));
}

TEST(HostileOnnx, ReadsEveryElementType) {
  const auto one_half = [](int type, const std::string& raw) {
    OnnxBuilder b;
    b.input("x", {0, 1}).output("y");
    b.tensor("w", {1, 1}, type).set_raw_data(raw);
    b.node("Gemm", {"x", "w"}, "y");
    return std::get<ops::LinearOp>(b.import().nodes[0].op).weight.data;
  };
  const std::vector<float> expected{0.5f};
  EXPECT_EQ(one_half(onnx::TensorProto::FLOAT, {"\0\0\0\x3f", 4}), expected);
  EXPECT_EQ(one_half(onnx::TensorProto::FLOAT16, {"\0\x38", 2}), expected);
  EXPECT_EQ(one_half(onnx::TensorProto::BFLOAT16, {"\0\x3f", 2}), expected);
  EXPECT_EQ(one_half(onnx::TensorProto::DOUBLE, {"\0\0\0\0\0\0\xe0\x3f", 8}), expected);
  EXPECT_THROW(one_half(onnx::TensorProto::COMPLEX64, std::string(8, '\0')), Error);
}

class ExternalData : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "lowbit-external-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ / "model/weights");
    for (const char* file : {"model/weights/w.bin", "outside.bin"}) {
      std::ofstream out(root_ / file, std::ios::binary);
      const std::vector<float> values{8, 9, 1, 2};
      out.write(reinterpret_cast<const char*>(values.data()), 16);
    }
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string network(const std::string& location, const std::string& offset,
                      const std::string& length = {}) {
    OnnxBuilder b;
    b.input("x", {0, 2}).output("y");
    auto& w = b.tensor("w", {2, 1}, onnx::TensorProto::FLOAT);
    w.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto add = [&](const char* key, const std::string& value) {
      auto* entry = w.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    add("location", location);
    add("offset", offset);
    if (!length.empty()) add("length", length);
    b.node("Gemm", {"x", "w"}, "y");
    return b.bytes();
  }
  std::string folder() const { return (root_ / "model").string(); }

  fs::path root_;
};

TEST_F(ExternalData, IsReadFromInsideTheFolder) {
  const Graph g = OnnxBuilder::import_bytes(network("weights/w.bin", "8", "8"), folder());
  EXPECT_EQ(std::get<ops::LinearOp>(g.nodes[0].op).weight.data, (std::vector<float>{1, 2}));
}

TEST_F(ExternalData, IsRefusedElsewhere) {
  fs::create_symlink(root_ / "outside.bin", root_ / "model/link.bin");
  fs::create_directory_symlink(root_, root_ / "model/up");
  const std::string absolute = (root_ / "outside.bin").string();
  for (const std::string& location : {std::string("../outside.bin"), absolute, std::string("link.bin"),
                                      std::string("up/outside.bin"), std::string("weights/../../outside.bin"),
                                      std::string("weights"), std::string(), std::string("missing.bin")})
    EXPECT_FALSE(imports(network(location, "0"), folder())) << location;
  EXPECT_FALSE(imports(network("weights/w.bin", "0"))) << "no folder was given";
}

TEST_F(ExternalData, IsRefusedBeyondTheEndOfTheFile) {
  for (const char* offset : {"9", "16", "18446744073709551615", "-1", "x", ""})
    EXPECT_FALSE(imports(network("weights/w.bin", offset), folder())) << offset;
  EXPECT_FALSE(imports(network("weights/w.bin", "0", "16"), folder()));
}

}  // namespace
}  // namespace lowbit
