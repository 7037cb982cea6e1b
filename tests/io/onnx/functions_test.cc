// SPDX-License-Identifier: Apache-2.0
// Functions that a file defines itself: the network must be the one that is written without them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/onnx/run_network.h"
#include "lowbit/core/error.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

using Proto = onnx::AttributeProto;

onnx::FunctionProto& add_function(OnnxBuilder& b, const std::string& name,
                                  const std::vector<std::string>& inputs,
                                  const std::vector<std::string>& outputs, int opset = 13) {
  onnx::FunctionProto& f = *b.model().add_functions();
  f.set_name(name), f.set_domain("pkg.torch");
  for (const std::string& input : inputs) f.add_input(input);
  for (const std::string& output : outputs) f.add_output(output);
  f.add_opset_import()->set_version(opset);
  return f;
}

NodeBuilder add_node(onnx::FunctionProto& f, const std::string& op, const std::vector<std::string>& inputs,
                     const std::string& output) {
  onnx::NodeProto& node = *f.add_node();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return NodeBuilder(&node);
}

onnx::NodeProto& last_node(onnx::FunctionProto& f) {
  return *f.mutable_node(f.node_size() - 1);
}

/// `name` of the node is `of_function` of the call.
void take(onnx::NodeProto& node, const std::string& name, Proto::AttributeType type,
          const std::string& of_function) {
  Proto& a = *node.add_attribute();
  a.set_name(name), a.set_type(type), a.set_ref_attr_name(of_function);
}

/// FunctionProto.attribute_proto, which came later than ONNX 1.12: field 11.
void add_default(onnx::FunctionProto& f, const Proto& attribute) {
  const std::string value = attribute.SerializeAsString();
  std::string field{static_cast<char>(11 << 3 | 2)};
  for (std::size_t size = value.size();; size >>= 7) {
    field.push_back(static_cast<char>((size & 127) | (size > 127 ? 128 : 0)));
    if (size <= 127) break;
  }
  ASSERT_TRUE(f.ParseFromString(f.SerializeAsString() + field + value));
}

Proto float_attribute(const std::string& name, float value) {
  Proto a;
  a.set_name(name), a.set_type(Proto::FLOAT), a.set_f(value);
  return a;
}

/// As PyTorch's exporter writes modules: a block of two layers, each a function of its own, with an
/// activation whose slope is an attribute that passes through both; constants lie inside as raw bytes.
OnnxBuilder with_functions() {
  OnnxBuilder b(13);
  b.input("x", {0, 6}).output("y");
  b.random("w1", {6, 8}), b.random("b1", {8}), b.random("w2", {8, 6}), b.random("b2", {6});
  onnx::FunctionProto& layer = add_function(b, "Layer", {"x", "weight", "bias"}, {"out"});
  layer.add_attribute("slope");
  add_node(layer, "MatMul", {"x", "weight"}, "product");
  add_node(layer, "Add", {"product", "bias"}, "sum");
  add_node(layer, "LeakyRelu", {"sum"}, "active").name("act");
  take(last_node(layer), "alpha", Proto::FLOAT, "slope");
  add_node(layer, "Constant", {}, "two");
  onnx::TensorProto& two = *last_node(layer).add_attribute()->mutable_t();
  last_node(layer).mutable_attribute(0)->set_name("value");
  last_node(layer).mutable_attribute(0)->set_type(Proto::TENSOR);
  const float values[] = {2.0f, 3.0f};  // eight bytes
  two.set_data_type(onnx::TensorProto::FLOAT), two.add_dims(1), two.add_dims(2);
  two.set_raw_data(values, sizeof(values));
  add_node(layer, "ReduceMax", {"two"}, "three").with("keepdims", 0);
  add_node(layer, "Mul", {"active", "three"}, "out");
  onnx::FunctionProto& block = add_function(b, "Block", {"x", "w1", "b1", "w2", "b2"}, {"first", "result"});
  block.add_attribute("slope1");
  add_node(block, "Layer", {"x", "w1", "b1"}, "first").name("layer1").domain("pkg.torch");
  take(last_node(block), "slope", Proto::FLOAT, "slope1");
  add_node(block, "Layer", {"first", "w2", "b2"}, "result").name("layer2").domain("pkg.torch");
  take(last_node(block), "slope", Proto::FLOAT, "slope2");
  b.node("Block", {"x", "w1", "b1", "w2", "b2"}, "")
      .name("block")
      .domain("pkg.torch")
      .output("y")
      .with("slope1", 0.25f);
  add_default(*b.model().mutable_functions(1), float_attribute("slope2", 0.5f));
  return b;
}

OnnxBuilder without_functions() {
  OnnxBuilder b(13);
  b.input("x", {0, 6}).output("y");
  b.random("w1", {6, 8}), b.random("b1", {8}), b.random("w2", {8, 6}), b.random("b2", {6});
  b.floats("three", {}, {3.0f});
  b.node("MatMul", {"x", "w1"}, "p1"), b.node("Add", {"p1", "b1"}, "s1");
  b.node("LeakyRelu", {"s1"}, "a1").with("alpha", 0.25f), b.node("Mul", {"a1", "three"}, "o1");
  b.node("MatMul", {"o1", "w2"}, "p2"), b.node("Add", {"p2", "b2"}, "s2");
  b.node("LeakyRelu", {"s2"}, "a2").with("alpha", 0.5f), b.node("Mul", {"a2", "three"}, "y");
  return b;
}

std::vector<float> results(const OnnxBuilder& b) {
  Random random(5);
  std::vector<float> x(6);
  for (float& v : x) v = 2.0f * random.uniform() - 1.0f;
  return run_network(b, {float_array({1, 6}, x)}).at(0).floats;
}

TEST(OnnxFunctions, GiveWhatTheirNodesGive) {
  const OnnxBuilder b = with_functions();
  EXPECT_EQ(results(b), results(without_functions()));
  const Graph graph = b.import();
  EXPECT_TRUE(
      std::ranges::any_of(graph.nodes, [](const Graph::Node& n) { return n.name == "block/layer1/act"; }));
}

TEST(OnnxFunctions, RunInTheirOwnOperatorSet) {
  // Softmax of the set 11 is over all axes from axis 1 on, that of 13 over the last one.
  for (const int opset : {11, 13}) {
    OnnxBuilder b(13);
    b.input("x", {2, 2, 3}).output("y");
    onnx::FunctionProto& f = add_function(b, "F", {"x"}, {"y"}, opset);
    add_node(f, "Softmax", {"x"}, "y");
    b.node("F", {"x"}, "y").domain("pkg.torch");
    const float third =
        run_network(b, {float_array({2, 2, 3}, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6})}).at(0).floats[2];
    const double want = opset == 11 ? std::exp(-3.0) / (1 + std::exp(-1.0) + std::exp(-2.0) + std::exp(-3.0) +
                                                        std::exp(-4.0) + std::exp(-5.0))
                                    : 1 / (1 + std::exp(-1.0) + std::exp(-2.0));
    EXPECT_NEAR(third, want, 1e-6) << opset;
  }
}

TEST(OnnxFunctions, PassThroughInputsAndLeftOutOnes) {
  OnnxBuilder b(13);
  b.input("x", {0, 4}).output("y").output("z");
  onnx::FunctionProto& f = add_function(b, "F", {"a", "low", "high"}, {"a", "r", "r"});
  add_node(f, "Clip", {"a", "low", "high"}, "r");
  b.floats("one", {}, {0.5f});
  b.node("F", {"x", "", "one"}, "").domain("pkg.torch").output("y").output("z");
  const std::vector<arrays::Array> out = run_network(b, {float_array({1, 4}, {-2, 0.25f, 0.5f, 2})});
  EXPECT_EQ(out.at(0).floats, (std::vector<float>{-2, 0.25f, 0.5f, 0.5f}));
  EXPECT_EQ(out.at(1).floats, out.at(0).floats);
}

std::string refused_call(const OnnxBuilder& b, ErrorCode code) {
  return error_of([&] { b.import(); }, code);
}

TEST(OnnxFunctions, RefuseWhatDoesNotGoTogether) {
  const auto expect = [](ErrorCode code, const char* part, auto change) {
    OnnxBuilder b = with_functions();
    change(b, *b.model().mutable_functions(0), *b.graph().mutable_node(0));
    const std::string sentence = refused_call(b, code);
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
  };
  using F = onnx::FunctionProto;
  using N = onnx::NodeProto;
  expect(ErrorCode::unsupported, "calls itself",
         [](OnnxBuilder&, F& f, N&) { add_node(f, "Block", {"x"}, "again").domain("pkg.torch"); });
  expect(ErrorCode::corrupt_file, "which its function does not have",
         [](OnnxBuilder&, F&, N& call) { NodeBuilder(&call).with("slope3", 1.0f); });
  expect(ErrorCode::corrupt_file, "in another type",
         [](OnnxBuilder&, F&, N& call) { call.mutable_attribute(0)->set_type(Proto::INT); });
  expect(ErrorCode::corrupt_file, "6 inputs", [](OnnxBuilder&, F&, N& call) { call.add_input("x"); });
  expect(ErrorCode::corrupt_file, "twice",
         [](OnnxBuilder& b, F& f, N&) { *b.model().add_functions() = F(f); });
  expect(ErrorCode::unsupported, "operator set 99",
         [](OnnxBuilder&, F& f, N&) { f.mutable_opset_import(0)->set_version(99); });
  expect(ErrorCode::corrupt_file, "which nothing before it computes", [](OnnxBuilder&, F& f, N&) {
    f.mutable_node(0)->set_input(1, "w1");  // a name of the graph around the call
  });
  expect(ErrorCode::unsupported, "pkg.torch.Other (1)",
         [](OnnxBuilder&, F&, N& call) { call.set_op_type("Other"); });
}

/// Each calls the one before twice: 2^40 nodes.
TEST(OnnxFunctions, AreNotExpandedWithoutEnd) {
  OnnxBuilder b(13);
  b.input("x", {0, 4}).output("y");
  add_node(add_function(b, "F0", {"a"}, {"r"}), "Relu", {"a"}, "r");
  for (int i = 1; i <= 40; ++i) {
    const std::string below = "F" + std::to_string(i - 1);
    onnx::FunctionProto& f = add_function(b, "F" + std::to_string(i), {"a"}, {"r"});
    add_node(f, below, {"a"}, "m").domain("pkg.torch"), add_node(f, below, {"m"}, "r").domain("pkg.torch");
  }
  b.node("F40", {"x"}, "y").domain("pkg.torch");
  EXPECT_NE(refused_call(b, ErrorCode::unsupported).find("200000 nodes"), std::string::npos);
}

}  // namespace
}  // namespace lowbit::testing
