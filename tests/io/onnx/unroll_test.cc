// SPDX-License-Identifier: Apache-2.0
// Loop and Scan whose steps are known when a file is read, against their definitions by hand.
#include <gtest/gtest.h>

#include "io/onnx/run_network.h"
#include "lowbit/core/error.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

void set_body(onnx::NodeProto& node, const OnnxBuilder& body) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name("body"), a.set_type(onnx::AttributeProto::GRAPH);
  *a.mutable_g() = const_cast<OnnxBuilder&>(body).graph();
}

void set_body(OnnxBuilder& b, const OnnxBuilder& body) {
  set_body(*b.graph().mutable_node(b.graph().node_size() - 1), body);
}

/// Inputs and outputs have no types here.
OnnxBuilder make_body(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  OnnxBuilder body;
  for (const std::string& name : inputs) body.graph().add_input()->set_name(name);
  for (const std::string& name : outputs) body.output(name);
  return body;
}

/// s(i + 1) = 2 s(i) + x, and s(i) + 1 for each step i. `until`: after which step the condition is false.
OnnxBuilder doubling(std::int64_t steps, std::int64_t until, int opset = 13) {
  OnnxBuilder b(opset);
  b.input("x", {2, 3}).output("last").output("all");
  b.integers("steps", {steps}).clear_dims();
  b.floats("zero", {2, 3}, std::vector<float>(6, 0.0f)), b.floats("one", {}, {1.0f}),
      b.floats("two", {}, {2.0f});
  b.integers("until", {until}).clear_dims();
  OnnxBuilder body = make_body({"i", "go", "s"}, {"again", "next", "seen"});
  body.node("Less", {"i", "until"}, "again");
  body.node("Mul", {"s", "two"}, "twice"), body.node("Add", {"twice", "x"}, "next");
  body.node("Add", {"s", "one"}, "seen");
  b.node("Loop", {"steps", "", "zero"}, "last").output("all").name("loop");
  set_body(b, body);
  return b;
}

TEST(OnnxLoop, RunsItsBodyStepByStep) {
  const arrays::Array x = float_array({2, 3}, {1, 2, 3, 4, 5, 6});
  for (const int opset : {11, 13})
    for (const std::int64_t until : {100, 2}) {
      const std::vector<arrays::Array> out = run_network(doubling(4, until, opset), {x});
      const std::size_t steps = until == 2 ? 3 : 4;
      EXPECT_EQ(out.at(1).type.shape, (Shape{static_cast<std::int64_t>(steps), 2, 3}));
      for (std::size_t k = 0; k < 6; ++k) {
        float s = 0;
        for (std::size_t i = 0; i < steps; ++i, s = 2 * s + x.floats[k])
          EXPECT_EQ(out.at(1).floats.at(6 * i + k), s + 1) << i;
        EXPECT_EQ(out.at(0).floats.at(k), s);
      }
    }
}

TEST(OnnxLoop, OfNoStepGivesWhatItWasGiven) {
  OnnxBuilder b = doubling(0, 100);
  b.graph().mutable_output()->RemoveLast();
  EXPECT_EQ(run_network(b, {float_array({2, 3}, std::vector<float>(6, 1.0f))}).at(0).floats,
            std::vector<float>(6, 0.0f));
}

/// A loop in a loop, which reads what both go through: the sum of i * j + x.
TEST(OnnxLoop, MayStandInALoop) {
  OnnxBuilder b;
  b.input("x", {2}).output("sum");
  b.integers("three", {3}).clear_dims(), b.integers("two", {2}).clear_dims();
  b.floats("zero", {2}, {0.0f, 0.0f});
  OnnxBuilder inner = make_body({"j", "go_in", "s"}, {"go_in", "r"});
  inner.node("Mul", {"i", "j"}, "ij");
  inner.node("Cast", {"ij"}, "f").with("to", onnx::TensorProto::FLOAT);
  inner.node("Add", {"f", "x"}, "term"), inner.node("Add", {"s", "term"}, "r");
  OnnxBuilder outer = make_body({"i", "go", "total"}, {"go", "part"});
  outer.node("Loop", {"two", "", "total"}, "part");
  set_body(outer, inner);
  b.node("Loop", {"three", "", "zero"}, "sum");
  set_body(b, outer);
  const std::vector<float> sum = run_network(b, {float_array({2}, {1, 10})}).at(0).floats;
  EXPECT_EQ(sum, (std::vector<float>{6 + 3, 60 + 3}));
}

std::string refused_loop(const OnnxBuilder& b, ErrorCode code = ErrorCode::unsupported) {
  return error_of([&] { b.import(); }, code);
}

TEST(OnnxLoop, IsRefusedWhereItsStepsAreNotKnown) {
  EXPECT_TRUE(says(refused_loop(doubling(2000, 5000)), {"node 'loop' (Loop)", "number of steps above 1024"}));
  EXPECT_TRUE(says(refused_loop(doubling(0, 100)), {"number of steps of 0"}));
  OnnxBuilder computed = doubling(3, 100);
  computed.input("n", {1});
  computed.graph().mutable_node(0)->set_input(0, "n");
  EXPECT_TRUE(says(refused_loop(computed), {"number of steps that is computed"}));
  OnnxBuilder condition = doubling(3, 100);
  onnx::NodeProto& less =
      *condition.graph().mutable_node(0)->mutable_attribute(0)->mutable_g()->mutable_node(0);
  less.set_input(0, "x"), less.set_input(1, "s");
  EXPECT_TRUE(says(refused_loop(condition), {"number of steps that a computed condition decides"}));
  OnnxBuilder endless = doubling(3, 1 << 20);
  endless.graph().mutable_node(0)->set_input(0, "");
  EXPECT_TRUE(says(refused_loop(endless), {"number of steps above 1024"}));
  OnnxBuilder other = doubling(3, 100);
  other.graph().mutable_node(0)->mutable_attribute(0)->mutable_g()->add_input()->set_name("more");
  EXPECT_TRUE(says(refused_loop(other, ErrorCode::corrupt_file), {"a body of 4 inputs"}));
}

/// Running sums, and each element doubled.
OnnxBuilder running_sum(int opset, const std::vector<std::int64_t>& x) {
  OnnxBuilder b(opset);
  b.input("x", x).output("last").output("sums").output("twice");
  OnnxBuilder body = make_body({"s", "e"}, {"r", "sum", "d"});
  body.node("Add", {"s", "e"}, "r"), body.node("Add", {"s", "e"}, "sum"), body.node("Add", {"e", "e"}, "d");
  b.node("Scan", {"zero", "x"}, "last").output("sums").output("twice").with("num_scan_inputs", 1);
  set_body(b, body);
  return b;
}

TEST(OnnxScan, GoesThroughAnAxisEitherWay) {
  const arrays::Array x = float_array({2, 3}, {1, 2, 3, 4, 5, 6});
  for (const bool backwards : {false, true}) {
    OnnxBuilder b = running_sum(13, {2, 3});
    b.floats("zero", {2}, {0, 0});
    const std::int64_t way = backwards;
    NodeBuilder(b.graph().mutable_node(0))
        .with("scan_input_axes", std::vector<std::int64_t>{1})
        .with("scan_input_directions", std::vector<std::int64_t>{way})
        .with("scan_output_axes", std::vector<std::int64_t>{-1, 0})
        .with("scan_output_directions", std::vector<std::int64_t>{0, way});
    const std::vector<arrays::Array> out = run_network(b, {x});
    EXPECT_EQ(out.at(0).floats, (std::vector<float>{6, 15}));
    EXPECT_EQ(out.at(1).floats,
              backwards ? (std::vector<float>{3, 5, 6, 6, 11, 15}) : (std::vector<float>{1, 3, 6, 4, 9, 15}));
    EXPECT_EQ(out.at(2).type.shape, (Shape{3, 2}));
    EXPECT_EQ(out.at(2).floats, (std::vector<float>{2, 8, 4, 10, 6, 12}));
  }
}

TEST(OnnxScan, HadABatchInTheOperatorSet8) {
  OnnxBuilder b = running_sum(8, {2, 3, 1});
  b.floats("zero", {2, 1}, {0, 100});
  onnx::NodeProto& node = *b.graph().mutable_node(0);
  node.clear_input();
  for (const char* name : {"", "zero", "x"}) node.add_input(name);
  const std::vector<arrays::Array> out = run_network(b, {float_array({2, 3, 1}, {1, 2, 3, 4, 5, 6})});
  EXPECT_EQ(out.at(0).floats, (std::vector<float>{6, 115}));
  EXPECT_EQ(out.at(1).type.shape, (Shape{2, 3, 1}));
  EXPECT_EQ(out.at(1).floats, (std::vector<float>{1, 3, 6, 104, 109, 115}));
}

TEST(OnnxScan, RefusesWhatDoesNotGoTogether) {
  OnnxBuilder b = running_sum(13, {2, 3});
  b.floats("zero", {3}, {0, 0, 0});
  NodeBuilder(b.graph().mutable_node(0)).with("scan_input_axes", std::vector<std::int64_t>{5});
  EXPECT_TRUE(says(refused_loop(b, ErrorCode::corrupt_file), {"has the axis 5 for 2 dimensions"}));
  OnnxBuilder many = running_sum(13, {2000, 3});
  many.floats("zero", {3}, {0, 0, 0});
  EXPECT_TRUE(says(refused_loop(many), {"number of steps above 1024"}));
}

}  // namespace
}  // namespace lowbit::testing
