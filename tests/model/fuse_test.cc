// SPDX-License-Identifier: Apache-2.0
// Every test runs the graph before and after fusion through the interpreter and compares all outputs.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/model/graph.h"
#include "model/fused_graph.h"
#include "support/graph_interpreter.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::ops_of;
using testing::Random;
using testing::random_vector;

class Builder {
 public:
  explicit Builder(const Shape& input) {
    graph.inputs = {graph.add_value("x", input)};
    last = graph.inputs[0];
  }
  ValueId conv(const std::string& name, ValueId in, std::int64_t out, std::int64_t kernel,
               std::int64_t pad = 0, std::int64_t groups = 1, bool bias = false) {
    const std::int64_t channels = shape(in)[0];
    ops::Conv2dOp op;
    const Shape ws{out, channels / groups, kernel, kernel};
    op.weight = Tensor(ws, random_vector(random, ws.elements()));
    op.window.kernel = {kernel, kernel};
    op.window.pad = {pad, pad, pad, pad};
    op.groups = groups;
    if (bias) op.bias = random_vector(random, out);
    return last = graph.add_node(name, op, {in});
  }
  ValueId linear(const std::string& name, ValueId in, std::int64_t out) {
    const Shape& s = shape(in);
    const Shape ws{out, s[s.rank() - 1]};
    return last = graph.add_node(
               name, ops::LinearOp{Tensor(ws, random_vector(random, ws.elements())), {}, {}, false}, {in});
  }
  ValueId scale(const std::string& name, ValueId in, std::int64_t n) {
    return last = graph.add_node(
               name, ops::ScaleShiftOp{random_vector(random, n), random_vector(random, n), {}}, {in});
  }
  ValueId clamp(const std::string& name, ValueId in, float lo = 0.0f, float hi = kInf) {
    return last = graph.add_node(name, ops::ClampOp{{lo, hi}}, {in});
  }
  ValueId add(const std::string& name, ValueId a, ValueId b) {
    return last = graph.add_node(name, ops::AddOp{}, {a, b});
  }
  ValueId node(const std::string& name, ops::Op op, ValueId in) {
    return last = graph.add_node(name, op, {in});
  }
  const Shape& shape(ValueId id) const { return graph.values[static_cast<std::size_t>(id)].shape; }

  Graph graph;
  ValueId last;
  Random random{11};
};

/// Fuses a copy, checks that outputs keep names, shapes and values, and returns it.
Graph fused(Builder& b, std::vector<ValueId> outputs = {}) {
  b.graph.outputs = outputs.empty() ? std::vector{b.last} : outputs;
  Graph g = b.graph;
  fuse(g);
  validate(g);
  Graph inferred = g;
  infer_shapes(inferred);
  for (std::size_t i = 0; i < g.values.size(); ++i) EXPECT_EQ(g.values[i].shape, inferred.values[i].shape);
  for (int round = 0; round < 3; ++round) testing::expect_same_outputs(b.graph, g, b.random);
  return g;
}

TEST(Fuse, BatchNormAndReluFoldIntoAConvolution) {
  Builder b({3, 6, 5});
  b.clamp("relu", b.scale("bn", b.conv("conv", 0, 4, 3, 1), 4));
  const Graph g = fused(b);
  ASSERT_EQ(ops_of(g), "Conv2d");
  EXPECT_EQ(g.nodes[0].name, "conv");
  EXPECT_EQ(std::get<ops::Conv2dOp>(g.nodes[0].op).activation, (ops::Activation{0.0f, kInf}));
}

TEST(Fuse, ScalesFoldIntoGroupedConvolutionsAndLinear) {
  Builder b({6, 4, 4});
  b.scale("s1", b.conv("depthwise", 0, 6, 3, 1, 6, true), 6);
  b.scale("s2", b.conv("grouped", b.last, 4, 1, 0, 2), 1);
  b.scale("s3", b.linear("fc", b.node("flat", ops::FlattenOp{}, b.last), 5), 5);
  EXPECT_EQ(ops_of(fused(b)), "Conv2d Conv2d Linear");
}

TEST(Fuse, ASecondReaderOrAnOutputKeepsTheScale) {
  Builder b({2, 4, 4});
  const ValueId conv = b.conv("conv", 0, 2, 1);
  b.add("add", b.scale("bn", conv, 2), conv);
  EXPECT_EQ(ops_of(fused(b)), "Conv2d ScaleShift Add");
  Builder c({2, 4, 4});
  const ValueId out = c.conv("conv", 0, 2, 1);
  c.scale("bn", out, 2);
  EXPECT_EQ(ops_of(fused(c, {out, c.last})), "Conv2d ScaleShift");
}

TEST(Fuse, AnActivationKeepsTheScaleBehindIt) {
  Builder b({2, 4, 4});
  b.scale("bn", b.clamp("relu", b.conv("conv", 0, 2, 1)), 2);
  EXPECT_EQ(ops_of(fused(b)), "Conv2d ScaleShift");
}

TEST(Fuse, AScaleBeforeAConvolutionFoldsForwardUnlessPaddingForbidsIt) {
  Builder valid({4, 5, 5});
  valid.conv("conv", valid.scale("normalize", 0, 4), 6, 3, 0, 2);
  EXPECT_EQ(ops_of(fused(valid)), "Conv2d");
  Builder padded({4, 5, 5});
  padded.conv("conv", padded.scale("normalize", 0, 4), 6, 3, 1);
  EXPECT_EQ(ops_of(fused(padded)), "ScaleShift Conv2d");
  Builder pure({4, 5, 5});
  pure.conv("conv", pure.node("scale", ops::ScaleShiftOp{{2.0f}, {0.0f}, {}}, 0), 6, 3, 1);
  EXPECT_EQ(ops_of(fused(pure)), "Conv2d");
  Builder rows({7, 3});
  rows.linear("fc", rows.scale("normalize", 0, 3), 5);
  EXPECT_EQ(ops_of(fused(rows)), "Linear");
}

TEST(Fuse, ChainsOfScalesBecomeOne) {
  Builder b({3, 2, 2});
  b.clamp("relu6", b.scale("s3", b.scale("s2", b.scale("s1", 0, 3), 1), 3), 0, 6);
  const Graph g = fused(b);
  ASSERT_EQ(ops_of(g), "ScaleShift");
  EXPECT_EQ(std::get<ops::ScaleShiftOp>(g.nodes[0].op).activation, (ops::Activation{0, 6}));
}

TEST(Fuse, ClampsComposeAlsoWhereTheyDoNotMeet) {
  for (const auto& [lo, hi] : {std::pair{-0.5f, 0.1f}, {0.2f, 3.0f}, {2.0f, 3.0f}, {-3.0f, -2.0f}}) {
    Builder b({2, 3, 3});
    b.clamp("second", b.clamp("first", b.conv("conv", 0, 2, 1), 0.0f, 1.0f), lo, hi);
    EXPECT_EQ(ops_of(fused(b)), "Conv2d");
  }
}

TEST(Fuse, AClampGoesThroughPoolingAndFlattening) {
  Builder b({3, 6, 6});
  ops::MaxPoolOp pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  b.clamp("relu", b.node("flat", ops::FlattenOp{}, b.node("pool", pool, b.conv("conv", 0, 4, 3, 1))));
  const Graph g = fused(b);
  EXPECT_EQ(ops_of(g), "Conv2d MaxPool Flatten");
  EXPECT_FALSE(std::get<ops::Conv2dOp>(g.nodes[0].op).activation.is_identity());
}

TEST(Fuse, AClampStaysWhereAnAverageOrAnotherReaderIsInBetween) {
  Builder b({3, 6, 6});
  b.clamp("relu", b.node("gap", ops::GlobalAveragePoolOp{}, b.conv("conv", 0, 4, 3)));
  EXPECT_EQ(ops_of(fused(b)), "Conv2d GlobalAveragePool Clamp");
  Builder c({2, 4, 4});
  const ValueId conv = c.conv("conv", 0, 2, 3);
  const ValueId relu = c.clamp("relu", conv);
  EXPECT_EQ(ops_of(fused(c, {conv, relu})), "Conv2d Clamp");
}

TEST(Fuse, AResidualBlockBecomesTwoConvolutions) {
  Builder b({4, 6, 6});
  b.clamp("r1", b.scale("bn1", b.conv("c1", 0, 4, 3, 1), 4));
  b.clamp("r2", b.add("add", b.scale("bn2", b.conv("c2", b.last, 4, 3, 1), 4), 0));
  const Graph g = fused(b);
  ASSERT_EQ(ops_of(g), "Conv2d Conv2d");
  ASSERT_EQ(g.nodes[1].inputs.size(), 2u);
  EXPECT_EQ(g.nodes[1].inputs[1], g.inputs[0]);
  EXPECT_EQ(std::get<ops::Conv2dOp>(g.nodes[1].op).activation.lo, 0.0f);
}

TEST(Fuse, OfTwoConvolutionsTheLaterOneTakesTheResidual) {
  for (const bool swapped : {false, true}) {
    Builder b({4, 6, 6});
    const ValueId first = b.conv("first", 0, 4, 3, 1), second = b.conv("second", 0, 4, 1);
    swapped ? b.add("add", second, first) : b.add("add", first, second);
    const Graph g = fused(b);
    ASSERT_EQ(ops_of(g), "Conv2d Conv2d");
    EXPECT_EQ(g.nodes[1].name, "second");
    EXPECT_EQ(g.nodes[1].inputs.size(), 2u);
  }
}

TEST(Fuse, AConvolutionMovesBehindALaterResidual) {
  Builder b({4, 6, 6});
  const ValueId conv = b.conv("conv", 0, 4, 3, 1);
  ops::MaxPoolOp pool;
  pool.window.kernel = {3, 3};
  pool.window.pad = {1, 1, 1, 1};
  b.add("add", conv, b.node("pool", pool, 0));
  const Graph g = fused(b);
  ASSERT_EQ(ops_of(g), "MaxPool Conv2d");
  EXPECT_EQ(g.nodes[1].inputs.size(), 2u);
}

TEST(Fuse, AdditionsStayWhereNoConvolutionCanTakeThem) {
  Builder doubled({2, 3, 3});
  const ValueId conv = doubled.conv("conv", 0, 2, 1);
  doubled.add("add", conv, conv);
  EXPECT_EQ(ops_of(fused(doubled)), "Conv2d Add");
  Builder active({2, 3, 3});
  active.clamp("r", active.add("add", active.clamp("relu", active.conv("conv", 0, 2, 1)), 0));
  EXPECT_EQ(ops_of(fused(active)), "Conv2d Add");
  Builder three({2, 3, 3});
  three.add("add2", three.add("add1", three.conv("conv", 0, 2, 1), 0), 0);
  EXPECT_EQ(ops_of(fused(three)), "Conv2d Add");
}

TEST(Fuse, FlattenPermutesTheColumnsOfLinear) {
  Builder b({4, 3, 2});
  b.clamp("relu", b.linear("fc", b.node("flat", ops::FlattenOp{}, 0), 5));
  const Graph g = fused(b);
  ASSERT_EQ(ops_of(g), "Linear");
  EXPECT_TRUE(std::get<ops::LinearOp>(g.nodes[0].op).flattens_input);
}

TEST(Fuse, FlattenStaysWherePixelsOfCodesWouldHaveGaps) {
  Builder three({3, 3, 2});
  three.linear("fc", three.node("flat", ops::FlattenOp{}, 0), 5);
  EXPECT_EQ(ops_of(fused(three)), "Flatten Linear");
  Builder pixel({3, 1, 1});
  pixel.linear("fc", pixel.node("flat", ops::FlattenOp{}, 0), 5);
  EXPECT_EQ(ops_of(fused(pixel)), "Linear");
  Builder output({4, 2, 2});
  const ValueId flat = output.node("flat", ops::FlattenOp{}, 0);
  const ValueId fc = output.linear("fc", flat, 5);
  EXPECT_EQ(ops_of(fused(output, {flat, fc})), "Flatten Linear");
  Builder two({4, 2, 2});
  const ValueId shared = two.node("flat", ops::FlattenOp{}, 0);
  const ValueId a = two.linear("a", shared, 5), c = two.linear("c", shared, 6);
  EXPECT_EQ(ops_of(fused(two, {a, c})), "Linear Linear");
}

int count_functions(const Graph& g, ops::Function function) {
  int n = 0;
  for (const Graph::Node& node : g.nodes)
    if (const auto* f = std::get_if<ops::FunctionOp>(&node.op)) n += f->function == function;
  return n;
}

TEST(Fuse, AValueTimesItsSigmoidIsOneFunction) {
  for (const bool gate_first : {false, true}) {
    Builder b({3, 5, 5});
    const ValueId x = b.conv("a", b.last, 4, 3);
    const ValueId gate = b.node("gate", ops::FunctionOp{ops::Function::sigmoid}, x);
    const std::vector<ValueId> operands = gate_first ? std::vector{gate, x} : std::vector{x, gate};
    b.last = b.graph.add_node("product", ops::BinaryOp{ops::BinaryFunction::mul}, operands);
    const Graph g = fused(b);
    EXPECT_EQ(g.nodes.size(), 2u);
    EXPECT_EQ(count_functions(g, ops::Function::silu), 1);
  }
}

TEST(Fuse, AFactorAndASummandGoIntoTheFunctionBefore) {
  Builder b({3, 5, 5});
  b.conv("a", b.last, 4, 3);
  b.node("swish", ops::FunctionOp{ops::Function::hard_swish, 1.0f / 6, 0.5f}, b.last);
  b.node("scale", ops::ScaleShiftOp{{1.25f}, {-0.5f}, {}}, b.last);
  b.node("again", ops::ScaleShiftOp{{2.0f}, {0.25f}, {}}, b.last);
  const Graph g = fused(b);
  ASSERT_EQ(g.nodes.size(), 2u);
  const auto& f = std::get<ops::FunctionOp>(g.nodes[1].op);
  EXPECT_EQ(f.scale_after, 2.5f);
  EXPECT_EQ(f.shift_after, -0.75f);
  // One factor a channel, or a limit behind it, stays.
  Builder c({3, 5, 5});
  c.node("swish", ops::FunctionOp{ops::Function::sigmoid}, c.last);
  c.node("scale", ops::ScaleShiftOp{{1, 2, 3}, {0}, {}}, c.last);
  EXPECT_EQ(fused(c).nodes.size(), 2u);
}

TEST(Fuse, HardSwishAsExportersWriteIt) {
  Builder b({3, 5, 5});
  const ValueId x = b.conv("a", b.last, 4, 3);
  ValueId gate = b.graph.add_node("add", ops::ScaleShiftOp{{1.0f}, {0.3f}, {}}, {x});
  gate = b.clamp("clip", gate, 0.0f, 0.6f);
  b.last = b.graph.add_node("product", ops::BinaryOp{ops::BinaryFunction::mul}, {x, gate});
  b.last = b.graph.add_node("sixth", ops::ScaleShiftOp{{1.0f / 6}, {0.0f}, {}}, {b.last});
  b.conv("b", b.last, 5, 1);
  const Graph g = fused(b);
  EXPECT_EQ(g.nodes.size(), 3u) << "both factors go into the convolution";
  EXPECT_EQ(count_functions(g, ops::Function::hard_swish), 1);
}

TEST(Fuse, AProductOfTwoValuesStays) {
  Builder b({3, 5, 5});
  const ValueId x = b.conv("a", b.last, 4, 3), other = b.conv("b", b.graph.inputs[0], 4, 3);
  const ValueId gate = b.node("gate", ops::FunctionOp{ops::Function::sigmoid}, other);
  b.last = b.graph.add_node("product", ops::BinaryOp{ops::BinaryFunction::mul}, {x, gate});
  EXPECT_EQ(fused(b).nodes.size(), 4u);
  // The gate is read by somebody else, too.
  Builder c({3, 5, 5});
  const ValueId y = c.conv("a", c.last, 4, 3);
  const ValueId read_twice = c.node("gate", ops::FunctionOp{ops::Function::sigmoid}, y);
  const ValueId product =
      c.graph.add_node("product", ops::BinaryOp{ops::BinaryFunction::mul}, {y, read_twice});
  EXPECT_EQ(fused(c, {product, read_twice}).nodes.size(), 3u);
}

TEST(Fuse, IsIdempotentAndDeterministic) {
  Builder b({4, 6, 6});
  b.clamp("r1", b.scale("bn1", b.conv("c1", 0, 4, 3, 1), 4));
  b.clamp("r2", b.add("add", b.scale("bn2", b.conv("c2", b.last, 4, 3, 1), 4), 0));
  b.linear("fc", b.node("flat", ops::FlattenOp{}, b.last), 3);
  const Graph once = fused(b), again = fused(b);
  Graph twice = once;
  fuse(twice);
  for (const Graph* g : {&again, static_cast<const Graph*>(&twice)}) {
    ASSERT_EQ(ops_of(*g), ops_of(once));
    EXPECT_EQ(std::get<ops::Conv2dOp>(g->nodes[1].op).weight,
              std::get<ops::Conv2dOp>(once.nodes[1].op).weight);
    EXPECT_EQ(std::get<ops::LinearOp>(g->nodes[2].op).weight,
              std::get<ops::LinearOp>(once.nodes[2].op).weight);
  }
}

}  // namespace
}  // namespace lowbit
