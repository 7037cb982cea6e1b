// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/graph.h"

#include <gtest/gtest.h>

#include "lowbit/core/error.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;

ops::ClampOp relu() {
  return {{0.0f, std::numeric_limits<float>::infinity()}};
}

/// x -> a -> b, x -> dead; c = a + b.
Graph diamond() {
  Graph g;
  const ValueId x = g.add_value("x", {4, 2, 2});
  g.inputs = {x};
  const ValueId a = g.add_node("a", relu(), {x});
  g.add_node("dead", relu(), {x});
  const ValueId b = g.add_node("b", relu(), {a});
  g.outputs = {g.add_node("c", ops::AddOp{}, {a, b})};
  return g;
}

TEST(Graph, ANodeNamesItsOutputAndInfersItsShape) {
  Graph g;
  const ValueId x = g.add_value("x", {4, 2, 3});
  const ValueId flat = g.add_node("flat", ops::FlattenOp{}, {x});
  EXPECT_EQ(g.values[static_cast<std::size_t>(flat)].name, "flat");
  EXPECT_EQ(g.values[static_cast<std::size_t>(flat)].shape, (Shape{24}));
}

TEST(Graph, FindsProducersAndConsumersOncePerUse) {
  Graph g = diamond();
  const ValueId x = g.inputs[0], a = g.nodes[0].output;
  EXPECT_EQ(g.producer(x), -1);
  EXPECT_EQ(g.producer(a), 0);
  EXPECT_EQ(g.consumers(x), (std::vector<int>{0, 1}));
  EXPECT_EQ(g.consumers(a), (std::vector<int>{2, 3}));
  const ValueId twice = g.add_node("twice", ops::AddOp{}, {a, a});
  EXPECT_EQ(g.consumers(a), (std::vector<int>{2, 3, 4, 4}));
  EXPECT_TRUE(g.consumers(twice).empty());
  EXPECT_TRUE(g.is_output(g.outputs[0]));
  EXPECT_FALSE(g.is_output(twice));
}

TEST(Graph, RemovesDeadNodesAndRenumbers) {
  Graph g = diamond();
  remove_dead_nodes(g);
  ASSERT_EQ(g.nodes.size(), 3u);
  EXPECT_EQ(g.nodes[1].name, "b");
  ASSERT_EQ(g.values.size(), 4u);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.outputs[0])].name, "c");
  for (const Graph::Node& node : g.nodes)
    EXPECT_EQ(g.values[static_cast<std::size_t>(node.output)].name, node.name);
  EXPECT_NO_THROW(validate(g));
}

TEST(Graph, KeepsInputsThatNobodyReads) {
  Graph g = diamond();
  g.inputs.push_back(g.add_value("unused", {3}));
  remove_dead_nodes(g);
  ASSERT_EQ(g.inputs.size(), 2u);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.inputs[1])].name, "unused");
}

TEST(Graph, InferenceNamesTheNodeThatDoesNotFit) {
  Graph g = diamond();
  g.nodes[2].op = ops::FlattenOp{};
  EXPECT_NE(error_of([&] { infer_shapes(g); }, ErrorCode::shape_mismatch).find("'c' (Add)"),
            std::string::npos);
}

TEST(Graph, InferenceFollowsAChangedInput) {
  Graph g = diamond();
  g.values[static_cast<std::size_t>(g.inputs[0])].shape = {7, 5, 5};
  infer_shapes(g);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.outputs[0])].shape, (Shape{7, 5, 5}));
}

TEST(Graph, ValidationRefusesBrokenGraphs) {
  EXPECT_NO_THROW(validate(diamond()));
  Graph range = diamond();
  range.nodes[0].inputs[0] = 99;
  EXPECT_NE(error_of([&] { validate(range); }, ErrorCode::invalid_argument).find("99"), std::string::npos);
  Graph order = diamond();
  std::swap(order.nodes[0], order.nodes[2]);
  EXPECT_NE(error_of([&] { validate(order); }, ErrorCode::invalid_argument).find("before"),
            std::string::npos);
  Graph twice = diamond();
  twice.nodes[1].output = twice.nodes[0].output;
  EXPECT_NE(error_of([&] { validate(twice); }, ErrorCode::invalid_argument).find("exists already"),
            std::string::npos);
  Graph output = diamond();
  output.outputs = {output.add_value("floating", {1})};
  error_of([&] { validate(output); }, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace lowbit
