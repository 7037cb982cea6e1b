// SPDX-License-Identifier: Apache-2.0
// Operators that exporters write out in many nodes become one, with the same values.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/model/graph.h"
#include "model/fused_graph.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit::written_out {
namespace {

using ops::BinaryFunction;
using ops::Function;
using testing::Random;
using testing::random_vector;

class Builder {
 public:
  explicit Builder(bool has_batch = true) { graph.has_batch = has_batch; }
  ValueId input(const Shape& shape) {
    graph.inputs.push_back(graph.add_value("x" + std::to_string(graph.inputs.size()), shape));
    return graph.inputs.back();
  }
  ValueId node(ops::Op op, std::vector<ValueId> in) {
    return graph.add_node("n" + std::to_string(graph.nodes.size()), std::move(op), std::move(in));
  }
  ValueId binary(BinaryFunction f, ValueId a, ValueId b) { return node(ops::BinaryOp{f}, {a, b}); }
  ValueId scale(ValueId x, float factor, float term = 0.0f) {
    return node(ops::ScaleShiftOp{{factor}, {term}, {}}, {x});
  }
  ValueId function(Function f, ValueId x, float alpha = 1.0f) {
    ops::FunctionOp op;
    op.function = f;
    op.alpha = alpha;
    return node(op, {x});
  }
  ValueId mean(ValueId x) {
    return node(ops::ReduceOp{ops::Reduction::mean, {shape(x).rank() - 1}, true}, {x});
  }
  ValueId reshape(ValueId x, std::vector<std::int64_t> dims) {
    return node(ops::ReshapeOp{std::move(dims)}, {x});
  }
  ValueId transpose(ValueId x, std::vector<std::int64_t> axes) {
    return node(ops::TransposeOp{std::move(axes)}, {x});
  }
  ValueId with_line(BinaryFunction f, ValueId x) {
    std::vector<std::int64_t> dims(static_cast<std::size_t>(shape(x).rank()), 1);
    dims.back() = shape(x)[shape(x).rank() - 1];
    return node(ops::BinaryOp{f, Tensor(Shape(dims), random_vector(random, dims.back())), false}, {x});
  }
  ValueId linear(ValueId x, std::int64_t out) {
    const Shape ws{out, shape(x)[shape(x).rank() - 1]};
    return node(ops::LinearOp{Tensor(ws, random_vector(random, ws.elements())), {}, {}, false}, {x});
  }
  const Shape& shape(ValueId id) const { return graph.values[static_cast<std::size_t>(id)].shape; }

  Graph graph;
  Random random{5};
};

/// Fuses a copy, checks that outputs keep names, shapes and values, and names the operators that are left.
std::string fused(Builder& b, std::vector<ValueId> outputs) {
  b.graph.outputs = std::move(outputs);
  Graph g = b.graph;
  fuse(g);
  validate(g);
  testing::expect_same_outputs(b.graph, g, b.random);
  return testing::ops_of(g);
}

/// d / sqrt(mean(d^2) + 0.01) in the forms of exporters.
ValueId normalized(Builder& b, ValueId x, bool is_centred, int form) {
  const ValueId d = is_centred ? b.binary(BinaryFunction::sub, x, b.mean(x)) : x;
  ValueId again = d;  // some exporters compute it twice
  if (is_centred && form == 1) again = b.binary(BinaryFunction::sub, x, b.mean(x));
  const ValueId squares =
      form == 2 ? b.binary(BinaryFunction::mul, again, again) : b.function(Function::power, again, 2.0f);
  const ValueId root = b.function(Function::sqrt, b.scale(b.mean(squares), 1.0f, 0.01f));
  if (form == 0 || form == 1) return b.binary(BinaryFunction::div, d, root);
  if (form == 2) return b.binary(BinaryFunction::mul, d, b.function(Function::reciprocal, root));
  const ValueId inverse =
      b.node(ops::BinaryOp{BinaryFunction::div, Tensor(Shape{1, 1}, {1.0f}), true}, {root});
  return b.binary(BinaryFunction::mul, inverse, d);
}

TEST(FuseWrittenOut, LayerNormWithFactorsAndTerms) {
  for (int form = 0; form < 4; ++form)
    for (const bool is_centred : {true, false}) {
      Builder b;
      const ValueId x = b.input({3, 10});
      const ValueId y = b.with_line(BinaryFunction::add,
                                    b.with_line(BinaryFunction::mul, normalized(b, x, is_centred, form)));
      EXPECT_EQ(fused(b, {y}), "LayerNorm") << form << is_centred;
    }
}

TEST(FuseWrittenOut, WhatOnlyLooksLikeLayerNormStays) {
  Builder b;  // another axis
  const ValueId x = b.input({3, 10});
  const auto mean = [&](ValueId in) { return b.node(ops::ReduceOp{ops::Reduction::mean, {0}, true}, {in}); };
  const ValueId d = b.binary(BinaryFunction::sub, x, mean(x));
  const ValueId root = b.function(Function::sqrt, mean(b.function(Function::power, d, 2.0f)));
  EXPECT_EQ(fused(b, {b.binary(BinaryFunction::div, d, root)}).find("LayerNorm"), std::string::npos);
  Builder c;  // another value is divided
  const ValueId u = c.input({3, 10}), v = c.input({3, 10});
  const ValueId r =
      c.function(Function::sqrt, c.scale(c.mean(c.function(Function::power, u, 2.0f)), 1.0f, 0.5f));
  EXPECT_EQ(fused(c, {c.binary(BinaryFunction::div, v, r)}).find("LayerNorm"), std::string::npos);
}

TEST(FuseWrittenOut, AnIntermediateValueThatIsReturnedStays) {
  Builder b;
  const ValueId x = b.input({3, 10});
  const ValueId n = normalized(b, x, true, 0), y = b.with_line(BinaryFunction::mul, n);
  EXPECT_EQ(fused(b, {y, n}), "LayerNorm Binary");
}

TEST(FuseWrittenOut, GeluByErf) {
  for (int form = 0; form < 4; ++form) {
    Builder b;
    const ValueId x = b.input({7});
    const ValueId e = b.scale(b.function(Function::erf, b.scale(x, 0.70710677f)), 1.0f, 1.0f);
    const ValueId y = form == 0   ? b.scale(b.binary(BinaryFunction::mul, x, e), 0.5f)
                      : form == 1 ? b.binary(BinaryFunction::mul, e, b.scale(x, 0.5f))
                      : form == 2 ? b.binary(BinaryFunction::mul, x, b.scale(e, 0.5f))
                                  : b.binary(BinaryFunction::mul, x, e);
    EXPECT_EQ(fused(b, {y}), "Function") << form;
  }
}

TEST(FuseWrittenOut, GeluByTanh) {
  Builder b;
  const ValueId x = b.input({7});
  const ValueId cube = b.scale(b.function(Function::power, x, 3.0f), 0.044715f);
  const ValueId t = b.function(Function::tanh, b.scale(b.node(ops::AddOp{}, {x, cube}), 0.79788456f));
  EXPECT_EQ(fused(b, {b.binary(BinaryFunction::mul, b.scale(x, 0.5f), b.scale(t, 1.0f, 1.0f))}), "Function");
}

TEST(FuseWrittenOut, WhatOnlyLooksLikeGeluStays) {
  Builder b;
  const ValueId x = b.input({7});
  const ValueId e = b.scale(b.function(Function::erf, b.scale(x, 0.71f)), 1.0f, 1.0f);
  EXPECT_EQ(fused(b, {b.binary(BinaryFunction::mul, x, e)}), "ScaleShift Function Binary");
}

/// As modules write it that multiply matrices themselves (form 0) or as the exporter of the fused function
/// does, with the scale on both sides (1).
ValueId attend(Builder& b, ValueId q, ValueId k, ValueId v, std::optional<ValueId> mask, int form) {
  const auto heads_first = [&](ValueId x) { return b.transpose(x, {0, 2, 1, 3}); };
  ValueId scores;
  if (form == 0)
    scores =
        b.scale(b.node(ops::MatMulOp{}, {heads_first(q), b.transpose(heads_first(k), {0, 1, 3, 2})}), 0.25f);
  else
    scores =
        b.node(ops::MatMulOp{}, {b.scale(heads_first(q), 0.5f), b.scale(b.transpose(k, {0, 2, 3, 1}), 0.5f)});
  if (mask) scores = b.node(ops::BinaryOp{BinaryFunction::add}, {scores, *mask});
  return b.transpose(b.node(ops::MatMulOp{}, {b.node(ops::SoftmaxOp{3}, {scores}), heads_first(v)}),
                     {0, 2, 1, 3});
}

TEST(FuseWrittenOut, Attention) {
  for (int form = 0; form < 2; ++form)
    for (const bool has_mask : {false, true}) {
      Builder b(false);
      const ValueId q = b.input({2, 5, 3, 4}), k = b.input({2, 6, 3, 4}), v = b.input({2, 6, 3, 7});
      std::optional<ValueId> mask;
      if (has_mask) mask = b.input({2, 1, 1, 6});
      EXPECT_EQ(fused(b, {attend(b, q, k, v, mask, form)}), "Attention") << form << has_mask;
    }
}

/// Heads counted through, as modules with one product for all heads have it.
TEST(FuseWrittenOut, AttentionInThreeDimensions) {
  for (const std::int64_t batch : {1, 2}) {
    Builder b(false);
    const std::int64_t n = batch * 3;
    const auto heads = [&](std::int64_t rows) {
      return b.reshape(b.transpose(b.reshape(b.input({batch, rows, 12}), {batch, rows, 3, 4}), {0, 2, 1, 3}),
                       {n, rows, 4});
    };
    const ValueId q = heads(5), k = heads(6), v = heads(6);
    const ValueId scores = b.node(ops::MatMulOp{}, {b.scale(q, 0.5f), b.transpose(k, {0, 2, 1})});
    const ValueId y = b.node(ops::MatMulOp{}, {b.node(ops::SoftmaxOp{2}, {scores}), v});
    const ValueId joined = b.transpose(b.reshape(y, {batch, 3, 5, 4}), {0, 2, 1, 3});
    EXPECT_EQ(fused(b, {b.reshape(joined, {batch, 5, 12})}), "Reshape Reshape Reshape Attention Reshape")
        << batch;
  }
}

TEST(FuseWrittenOut, AttentionWhoseWeightsAreReturnedKeepsThem) {
  Builder b(false);
  const ValueId q = b.input({1, 3, 5, 4}), k = b.input({1, 3, 6, 4}), v = b.input({1, 3, 6, 7});
  const ValueId weights =
      b.node(ops::SoftmaxOp{3}, {b.node(ops::MatMulOp{}, {q, b.transpose(k, {0, 1, 3, 2})})});
  EXPECT_EQ(fused(b, {b.node(ops::MatMulOp{}, {weights, v}), weights}), "Transpose MatMul Softmax Attention");
}

/// The interpreter does not know Expand, so that only the shape of the graph is looked at; networks with
/// repeated heads are compared with another runtime.
TEST(FuseWrittenOut, AttentionRepeatsHeadsByItself) {
  Builder b(false);
  const ValueId q = b.input({1, 6, 5, 4}), k = b.input({1, 2, 7, 4}), v = b.input({1, 2, 7, 4});
  const auto repeated = [&](ValueId x) {
    ops::ArrayOp expand;
    expand.function = "Expand";
    expand.opset = 13;
    expand.sources = {ops::ArrayOp::kValue, 0};
    expand.constants = {arrays::Array({ElementType::i64, Shape{5}})};
    expand.constants[0].integers = {1, 2, 3, 7, 4};
    expand.elements = {ElementType::f32};
    return b.reshape(b.node(expand, {b.reshape(x, {1, 2, 1, 7, 4})}), {1, 6, 7, 4});
  };
  const ValueId scores = b.node(ops::MatMulOp{}, {q, b.transpose(repeated(k), {0, 1, 3, 2})});
  b.graph.outputs = {b.node(ops::MatMulOp{}, {b.node(ops::SoftmaxOp{3}, {scores}), repeated(v)})};
  fuse(b.graph);
  ASSERT_EQ(b.graph.nodes.size(), 1u);
  EXPECT_EQ(ops::op_name(b.graph.nodes[0].op), "Attention");
  EXPECT_EQ(b.graph.nodes[0].inputs, (std::vector<ValueId>{0, 1, 2}));
}

/// The encoder layer of BERT on [2, 5, 12]: products by rows, all else on whole tensors.
TEST(FuseWrittenOut, ALayerOfAnEncoder) {
  Builder b(false);
  const ValueId x = b.input({2, 5, 12}), mask = b.input({2, 1, 1, 5});
  const auto linear = [&](ValueId in, std::int64_t out) {
    const std::int64_t width = b.shape(in)[2];
    const ValueId rows = b.linear(b.reshape(in, {10, width}), out);
    return b.with_line(BinaryFunction::add, b.reshape(rows, {2, 5, out}));
  };
  const auto norm = [&](ValueId in) {
    return b.with_line(BinaryFunction::add, b.with_line(BinaryFunction::mul, normalized(b, in, true, 0)));
  };
  const auto heads = [&](ValueId in) { return b.reshape(linear(in, 12), {2, 5, 3, 4}); };
  const ValueId attended = b.reshape(attend(b, heads(x), heads(x), heads(x), mask, 0), {2, 5, 12});
  const ValueId h = norm(b.node(ops::AddOp{}, {linear(attended, 12), x}));
  const ValueId up = linear(h, 48);
  const ValueId e = b.scale(b.function(Function::erf, b.scale(up, 0.70710677f)), 1.0f, 1.0f);
  const ValueId y =
      norm(b.node(ops::AddOp{}, {linear(b.scale(b.binary(BinaryFunction::mul, up, e), 0.5f), 12), h}));
  EXPECT_EQ(
      fused(b, {y}),
      "Reshape Linear Reshape Linear Reshape Linear Reshape Attention Reshape Linear Add LayerNorm Linear "
      "Function Linear Add LayerNorm Reshape");
}

TEST(FuseWrittenOut, ReshapesOfAGraphWithABatchStay) {
  Builder b;
  const ValueId x = b.input({2, 6});
  EXPECT_EQ(fused(b, {b.function(Function::tanh, b.reshape(x, {3, 4}))}), "Reshape Function");
}

TEST(FuseWrittenOut, AnImageStaysOneBetweenConvolutions) {
  Builder b(false);
  const ValueId x = b.input({1, 3, 6, 5});
  const auto conv = [&](ValueId in, std::int64_t out) {
    ops::Conv2dOp op;
    const Shape ws{out, b.shape(in)[1], 3, 3};
    op.weight = Tensor(ws, random_vector(b.random, ws.elements()));
    op.window.kernel = {3, 3};
    op.window.pad = {1, 1, 1, 1};
    return b.reshape(b.node(op, {b.reshape(in, {b.shape(in)[1], 6, 5})}), {1, out, 6, 5});
  };
  const ValueId first = conv(x, 4);
  const ValueId second = conv(b.function(Function::silu, first), 4);
  EXPECT_EQ(fused(b, {b.node(ops::AddOp{}, {second, first})}), "Reshape Conv2d Function Conv2d Reshape");
}

TEST(FuseWrittenOut, ImagesThatAreCutJoinedAndCombinedStayOnes) {
  Builder b(false);
  const auto conv = [&](ValueId in, std::int64_t out) {
    ops::Conv2dOp op;
    const Shape ws{out, b.shape(in)[1], 1, 1};
    op.weight = Tensor(ws, random_vector(b.random, ws.elements()));
    return b.reshape(b.node(op, {b.reshape(in, {b.shape(in)[1], b.shape(in)[2], b.shape(in)[3]})}),
                     {1, out, b.shape(in)[2], b.shape(in)[3]});
  };
  const ValueId x = conv(b.input({1, 3, 6, 5}), 4);
  const ValueId part = b.node(ops::SliceOp{{0, 1, 0, 0}, {1, 1, 1, 1}, {1, 2, 6, 5}}, {x});
  const ValueId joined = b.node(ops::ConcatOp{1}, {x, part});
  const ValueId gates = b.node(ops::ReduceOp{ops::Reduction::max, {2, 3}, true}, {joined});
  EXPECT_EQ(fused(b, {conv(b.binary(BinaryFunction::mul, joined, gates), 3)}),
            "Reshape Conv2d Slice Concat Reshape Reduce Reshape Binary Conv2d Reshape");
}

TEST(FuseWrittenOut, AnImageTimesWhatComesAsABatchOfOneIsAnImage) {
  Builder b(false);
  ops::Conv2dOp op;
  op.weight = Tensor(Shape{4, 3, 1, 1}, random_vector(b.random, 12));
  const ValueId image = b.reshape(b.node(op, {b.input({3, 6, 5})}), {1, 4, 6, 5}), x = b.input({1, 4, 6, 5});
  for (const std::vector<ValueId>& both : {std::vector{image, x}, std::vector{x, image}})
    EXPECT_EQ(fused(b, {b.binary(BinaryFunction::mul, both[0], both[1])}), "Conv2d Reshape Binary Reshape");
}

}  // namespace
}  // namespace lowbit::written_out
