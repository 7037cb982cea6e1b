// SPDX-License-Identifier: Apache-2.0
// What each ONNX operator becomes: the graph's form, and its values through the interpreter where they say
// more.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/onnx/onnx_builder.h"
#include "lowbit/core/error.h"
#include "support/graph_interpreter.h"

namespace lowbit {
namespace {

using testing::OnnxBuilder;
using testing::Sample;

/// One node from input "x" of shape {batch, ...} to output "y".
OnnxBuilder single(int opset, const std::vector<std::int64_t>& dims) {
  OnnxBuilder b(opset);
  b.input("x", dims).output("y");
  return b;
}

template <class Op>
const Op& only(const Graph& g) {
  EXPECT_EQ(g.nodes.size(), 1u);
  return std::get<Op>(g.nodes.at(0).op);
}

const Shape& output_shape(const Graph& g) {
  return g.values[static_cast<std::size_t>(g.outputs[0])].shape;
}

std::string refusal(const OnnxBuilder& b, ErrorCode code = ErrorCode::unsupported) {
  try {
    b.import();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

std::vector<double> run(const Graph& g, const std::vector<double>& x) {
  const Sample in{g.values[static_cast<std::size_t>(g.inputs[0])].shape, x};
  return testing::interpret(g, {&in, 1})[0].data;
}

TEST(OnnxInput, OpenDimensionsTakeTheShapeThatIsGiven) {
  auto b = single(13, {0, 3, 0, 4});
  b.node("Relu", {"x"}, "y");
  EXPECT_NE(refusal(b).find("dimension 2"), std::string::npos);
  EXPECT_NE(refusal(b).find("give the shape of a sample"), std::string::npos);
  EXPECT_EQ(output_shape(b.import({}, {.shapes = {{"", {3, 5, 4}}}})), (Shape{3, 5, 4}));
  EXPECT_EQ(output_shape(b.import({}, {.shapes = {{"x", {3, 7, 4}}}})), (Shape{3, 7, 4}));
  const auto refused = [&](const std::string& name, const Shape& shape) {
    try {
      b.import({}, {.shapes = {{name, shape}}});
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(refused("x", {3, 5, 6}).find("dimension 3 of the input 'x' is 4"), std::string::npos);
  EXPECT_NE(refused("x", {3, 5}).find("3 dimensions"), std::string::npos);
  EXPECT_EQ(output_shape(b.import({}, {.shapes = {{"x", {3, 0, 4}}}})), (Shape{1, 3, 0, 4}))
      << "of no elements";
  auto fixed = single(13, {0, 3});
  fixed.node("Relu", {"x"}, "y");
  try {
    fixed.import({}, {.shapes = {{"z", {3}}}});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no input 'z'"), std::string::npos) << e.what();
  }
}

TEST(OnnxConv, ReadsWindowAndGroups) {
  auto b = single(13, {0, 4, 9, 8});
  b.random("w", {6, 2, 3, 3}), b.random("b", {6});
  b.node("Conv", {"x", "w", "b"}, "y")
      .with("group", 2)
      .with("strides", std::vector<std::int64_t>{2, 1})
      .with("dilations", std::vector<std::int64_t>{1, 2})
      .with("pads", std::vector<std::int64_t>{1, 2, 0, 1});
  const Graph g = b.import();
  const auto& conv = only<ops::Conv2dOp>(g);
  EXPECT_EQ(conv.window.pad, (std::array<std::int64_t, 4>{1, 2, 0, 1}));
  EXPECT_EQ(conv.window.dilation, (std::array<std::int64_t, 2>{1, 2}));
  EXPECT_EQ(conv.groups, 2);
  EXPECT_EQ(conv.bias.size(), 6u);
  EXPECT_EQ(output_shape(g), (Shape{6, 4, 7}));
}

TEST(OnnxConv, SamePaddingPutsTheOddPixelWhereItIsAskedFor) {
  for (const auto& [mode, pads] : {std::pair{"SAME_UPPER", std::array<std::int64_t, 4>{0, 1, 1, 1}},
                                   {"SAME_LOWER", {1, 1, 0, 1}},
                                   {"VALID", {0, 0, 0, 0}}}) {
    auto b = single(13, {1, 1, 8, 7});
    b.random("w", {1, 1, 3, 3});
    b.node("Conv", {"x", "w"}, "y").with("auto_pad", mode).with("strides", std::vector<std::int64_t>{2, 2});
    EXPECT_EQ(only<ops::Conv2dOp>(b.import()).window.pad, pads) << mode;
  }
}

TEST(OnnxConv, OfOneDimensionIsOneOfImagesOfHeightOne) {
  auto one = single(13, {0, 4, 9});
  one.random("w", {6, 4, 3});
  one.node("Conv", {"x", "w"}, "y")
      .with("strides", std::vector<std::int64_t>{2})
      .with("pads", std::vector<std::int64_t>{1, 0});
  const Graph g = one.import();
  EXPECT_EQ(output_shape(g), (Shape{6, 4}));
  const auto& conv = std::get<ops::Conv2dOp>(g.nodes.at(1).op);
  EXPECT_EQ(conv.weight.shape, (Shape{6, 4, 1, 3}));
  EXPECT_EQ(conv.window.pad, (std::array<std::int64_t, 4>{0, 1, 0, 0}));
  EXPECT_EQ(conv.window.stride, (std::array<std::int64_t, 2>{1, 2}));
}

TEST(OnnxConv, RefusesWrongChannels) {
  auto channels = single(13, {0, 4, 9, 9});
  channels.random("w", {6, 3, 3, 3});
  channels.node("Conv", {"x", "w"}, "y");
  refusal(channels, ErrorCode::corrupt_file);
  auto computed = single(13, {1, 1, 9, 9});
  computed.node("Conv", {"x", "x"}, "y");
  EXPECT_FALSE(computed.import().has_batch) << "weights that are computed";
}

TEST(OnnxGemm, AppliesAlphaBetaAndTransposition) {
  for (const int transposed : {0, 1}) {
    auto b = single(13, {0, 2});
    b.floats("w", transposed ? std::vector<std::int64_t>{3, 2} : std::vector<std::int64_t>{2, 3},
             transposed ? std::vector<float>{1, 4, 2, 5, 3, 6} : std::vector<float>{1, 2, 3, 4, 5, 6});
    b.floats("c", {1, 3}, {10, 20, 30});
    b.node("Gemm", {"x", "w", "c"}, "y").with("alpha", 2.0f).with("beta", 0.5f).with("transB", transposed);
    EXPECT_EQ(run(b.import(), {1, 10}), (std::vector<double>{2 * 41 + 5, 2 * 52 + 10, 2 * 63 + 15}));
  }
  auto a = single(13, {0, 2});
  a.random("w", {2, 3});
  a.node("Gemm", {"x", "w"}, "y").with("transA", 1);
  EXPECT_NE(refusal(a).find("transA"), std::string::npos);
}

TEST(OnnxGemm, MultipliesSumsByAnAlphaThatWeightsDoNotBear) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float alpha : {1e38f, infinity}) {
    auto b = single(13, {1, 2});
    b.floats("w", {2, 2}, {30, 1, -20, 0.5f});
    b.node("Gemm", {"x", "w"}, "y").with("alpha", alpha);
    const Model model(b.import());
    const std::vector<float> x{1, 1.375f};
    Tensor y(Shape{1, 2}, std::vector<float>(2));
    Workspace workspace(model);
    lowbit::run(model, TensorView{x.data(), Shape{1, 2}}, y, workspace);
    EXPECT_FLOAT_EQ(y.data[0], alpha * 2.5f);
    EXPECT_FLOAT_EQ(y.data[1], alpha * 1.6875f);
  }
}

TEST(OnnxGemm, OfRowsThatAreNoBatchIsLinear) {
  auto b = single(13, {1, 2, 2});
  b.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6}), b.floats("c", {3}, {10, 20, 30});
  b.integers("axes", {0}), b.node("Squeeze", {"x", "axes"}, "rows");
  b.node("Gemm", {"rows", "w", "c"}, "y");
  const Graph g = b.import();
  EXPECT_FALSE(g.has_batch);
  EXPECT_EQ(output_shape(g), (Shape{2, 3}));
  EXPECT_TRUE(std::holds_alternative<ops::LinearOp>(g.nodes.back().op));
  const std::vector<float> x{1, 10, 0, 1};
  Tensor y(Shape{2, 3}, std::vector<float>(6));
  const Model model(g);
  Workspace workspace(model);
  lowbit::run(model, TensorView{x.data(), Shape{1, 2, 2}}, y, workspace);
  EXPECT_EQ(y.data, (std::vector<float>{51, 72, 93, 14, 25, 36}));
  auto deep = single(13, {1, 2, 2});
  deep.random("w", {2, 3}), deep.node("Gemm", {"x", "w"}, "y");
  EXPECT_NE(refusal(deep).find("2x2"), std::string::npos);
}

TEST(OnnxMatMul, WithItsBiasBecomesOneLinear) {
  auto b = single(13, {0, 5, 2});
  b.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6}), b.floats("c", {3}, {1, 1, 2});
  b.node("MatMul", {"x", "w"}, "m"), b.node("Add", {"c", "m"}, "s"), b.node("Relu", {"s"}, "y");
  Graph g = b.import();
  EXPECT_EQ(g.nodes.size(), 3u);
  fuse(g);
  const auto& linear = only<ops::LinearOp>(g);
  EXPECT_EQ(linear.bias, (std::vector<float>{1, 1, 2}));
  EXPECT_EQ(linear.weight.data, (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(output_shape(g), (Shape{5, 3}));
}

TEST(OnnxBatchNormalization, BecomesScaleAndShift) {
  auto b = single(9, {0, 2, 1, 1});
  b.floats("g", {2}, {2, 3}), b.floats("b", {2}, {1, -1}), b.floats("m", {2}, {4, 5}),
      b.floats("v", {2}, {3, 8});
  b.node("BatchNormalization", {"x", "g", "b", "m", "v"}, "y").with("epsilon", 1.0f);
  EXPECT_EQ(run(b.import(), {6, 8}), (std::vector<double>{2 * (6 - 4) / 2.0 + 1, 3 * (8 - 5) / 3.0 - 1}));
}

TEST(OnnxArithmetic, TakesConstantsOnEitherSide) {
  struct Case {
    const char* op;
    bool constant_first;
    std::vector<double> expected;
  };
  const Case cases[] = {{"Add", false, {8, 10}}, {"Add", true, {8, 10}},   {"Sub", false, {4, 2}},
                        {"Sub", true, {-4, -2}}, {"Mul", false, {12, 24}}, {"Mul", true, {12, 24}},
                        {"Div", false, {3, 1.5}}};
  for (const Case& c : cases)
    for (const auto& dims : {std::vector<std::int64_t>{2, 1, 1}, {1, 2, 1, 1}}) {
      auto b = single(13, {0, 2, 1, 1});
      b.floats("c", dims, {2, 4});
      b.node(c.op, c.constant_first ? std::vector<std::string>{"c", "x"} : std::vector<std::string>{"x", "c"},
             "y");
      EXPECT_EQ(run(b.import(), {6, 6}), c.expected) << c.op << c.constant_first;
    }
}

TEST(OnnxArithmetic, IsWholeWhereNoBatchCanBe) {
  auto zero = single(13, {0, 2});
  zero.floats("c", {}, {0});
  zero.node("Div", {"x", "c"}, "y");
  EXPECT_FALSE(zero.import().has_batch) << "a line that is nowhere finite";
  auto longer = single(13, {0, 2});
  longer.random("c", {3, 1, 2});
  longer.node("Add", {"x", "c"}, "y");
  EXPECT_EQ(output_shape(longer.import()), (Shape{3, 1, 2}));
  auto apart = single(13, {0, 2, 3});
  apart.input("z", {0, 2, 4});
  apart.node("Mul", {"x", "z"}, "y");
  EXPECT_NE(refusal(apart, ErrorCode::shape_mismatch).find("2x3 and 2x4"), std::string::npos);
}

TEST(OnnxArithmetic, RepeatsAxesOfConstantsAndValues) {
  auto positions = single(13, {0, 2, 1, 3});
  positions.floats("c", {3}, {1, 2, 3});
  positions.node("Add", {"x", "c"}, "y");
  EXPECT_EQ(run(positions.import(), {1, 2, 3, 4, 5, 6}), (std::vector<double>{2, 4, 6, 5, 7, 9}));
  auto divides = single(13, {0, 2});
  divides.floats("c", {}, {2});
  divides.node("Div", {"c", "x"}, "y");
  EXPECT_EQ(run(divides.import(), {4, 8}), (std::vector<double>{0.5, 0.25}));
  auto gate = single(13, {0, 2, 1, 2});
  gate.node("GlobalAveragePool", {"x"}, "g");
  gate.node("Mul", {"x", "g"}, "y");
  EXPECT_EQ(run(gate.import(), {1, 3, 2, 6}), (std::vector<double>{2, 6, 8, 24}));
  auto three = single(13, {0, 3});
  three.node("Neg", {"x"}, "z");
  three.node("Abs", {"z"}, "a");
  three.node("Max", {"x", "z", "a"}, "y");
  EXPECT_EQ(run(three.import(), {1, -2, 3}), (std::vector<double>{1, 2, 3}));
  auto mean = single(13, {0, 2});
  mean.node("Neg", {"x"}, "z");
  mean.node("Mean", {"x", "z", "x", "x"}, "y");
  EXPECT_EQ(run(mean.import(), {2, -4}), (std::vector<double>{1, -2}));
  auto nothing = single(13, {0, 2});
  nothing.floats("one", {}, {1});
  nothing.node("Mul", {"x", "one"}, "z");
  nothing.node("Relu", {"z"}, "y");
  EXPECT_EQ(nothing.import().nodes.size(), 1u);
  auto sum = single(13, {0, 2});
  sum.node("Sum", {"x", "x"}, "y");
  EXPECT_TRUE(std::holds_alternative<ops::AddOp>(sum.import().nodes.at(0).op));
}

TEST(OnnxFunctions, AreOneNodeEach) {
  using ops::Function;
  const auto function = [](const char* op, const char* attribute = nullptr, float value = 0) {
    auto b = single(24, {0, 2});
    auto node = b.node(op, {"x"}, "y");
    if (attribute) node.with(attribute, value);
    return only<ops::FunctionOp>(b.import());
  };
  EXPECT_EQ(function("Sigmoid").function, Function::sigmoid);
  EXPECT_EQ(function("Tanh").function, Function::tanh);
  EXPECT_EQ(function("Erf").function, Function::erf);
  EXPECT_EQ(function("Exp").function, Function::exp);
  EXPECT_EQ(function("Log").function, Function::log);
  EXPECT_EQ(function("Sqrt").function, Function::sqrt);
  EXPECT_EQ(function("Reciprocal").function, Function::reciprocal);
  EXPECT_EQ(function("Softplus").function, Function::softplus);
  EXPECT_EQ(function("Gelu").function, Function::gelu);
  EXPECT_EQ(function("LeakyRelu").alpha, 0.01f);
  EXPECT_EQ(function("LeakyRelu", "alpha", 0.3f).alpha, 0.3f);
  EXPECT_EQ(function("Elu").alpha, 1.0f);
  EXPECT_EQ(function("HardSigmoid").alpha, 0.2f);
  EXPECT_EQ(function("HardSigmoid", "beta", 0.25f).beta, 0.25f);
  EXPECT_EQ(function("HardSwish").alpha, 1.0f / 6);
  EXPECT_EQ(function("Swish", "alpha", 2.0f).alpha, 2.0f);
  auto tanh = single(24, {0, 2});
  tanh.node("Gelu", {"x"}, "y").with("approximate", "tanh");
  EXPECT_EQ(only<ops::FunctionOp>(tanh.import()).function, Function::gelu_tanh);
  auto wrong = single(24, {0, 2});
  wrong.node("Gelu", {"x"}, "y").with("approximate", "sigmoid");
  EXPECT_NE(refusal(wrong, ErrorCode::corrupt_file).find("'sigmoid'"), std::string::npos);
}

TEST(OnnxPow, OfAConstant) {
  for (const auto& [exponent, expected] :
       {std::pair{1.0f, 9.0}, {2.0f, 81.0}, {0.5f, 3.0}, {-1.0f, 1.0 / 9}, {1.5f, 27.0}}) {
    auto b = single(13, {0, 1, 1, 1});
    b.floats("e", {}, {exponent});
    b.node("Neg", {"x"}, "z");
    b.node("Neg", {"z"}, "w");
    b.node("Pow", {"w", "e"}, "y");
    EXPECT_NEAR(run(b.import(), {9})[0], expected, 1e-12) << exponent;
  }
  auto computed = single(13, {0, 2});
  computed.node("Pow", {"x", "x"}, "y");
  EXPECT_FALSE(computed.import().has_batch);
}

TEST(OnnxReduce, ReadsAxesFromWhereTheOpsetHasThem) {
  auto old = single(13, {0, 2, 2, 2});
  old.node("ReduceMean", {"x"}, "y").with("axes", std::vector<std::int64_t>{-1}).with("keepdims", 0);
  EXPECT_EQ(run(old.import(), {1, 3, 5, 7, 2, 4, 6, 8}), (std::vector<double>{2, 6, 3, 7}));
  EXPECT_EQ(output_shape(old.import()), (Shape{2, 2}));
  auto input = single(18, {0, 2, 2, 2});
  input.integers("a", {1, 3});
  input.node("ReduceMax", {"x", "a"}, "y");
  EXPECT_EQ(run(input.import(), {1, 3, 5, 7, 2, 4, 6, 8}), (std::vector<double>{4, 8}));
  EXPECT_EQ(output_shape(input.import()), (Shape{1, 2, 1}));
  auto image = single(18, {0, 2, 3, 3});
  image.integers("a", {2, 3});
  image.node("ReduceMean", {"x", "a"}, "y");
  EXPECT_TRUE(std::holds_alternative<ops::GlobalAveragePoolOp>(image.import().nodes.at(0).op));
  auto batch = single(18, {0, 2, 3, 3});
  batch.node("ReduceSum", {"x"}, "y");
  EXPECT_FALSE(batch.import().has_batch) << "sums over the batch";
}

// As exporters split queries, keys and values: the batch goes behind an axis that is then taken apart.
TEST(OnnxTranspose, TheBatchMayMoveAndComeBack) {
  auto b = single(9, {0, 2, 3, 2});
  b.node("Transpose", {"x"}, "t").with("perm", std::vector<std::int64_t>{2, 0, 3, 1});
  b.node("Slice", {"t"}, "s")
      .with("axes", std::vector<std::int64_t>{0})
      .with("starts", std::vector<std::int64_t>{1})
      .with("ends", std::vector<std::int64_t>{2});
  b.node("Squeeze", {"s"}, "y").with("axes", std::vector<std::int64_t>{0});
  // x[i][1][j] as [j][i]
  EXPECT_EQ(run(b.import(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), (std::vector<double>{2, 8, 3, 9}));
  EXPECT_EQ(output_shape(b.import()), (Shape{2, 2}));
  auto swapped = single(9, {0, 2, 3});
  swapped.node("Transpose", {"x"}, "t").with("perm", std::vector<std::int64_t>{1, 0, 2});
  swapped.node("Transpose", {"t"}, "y").with("perm", std::vector<std::int64_t>{1, 2, 0});
  EXPECT_EQ(run(swapped.import(), {1, 2, 3, 4, 5, 6}), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  auto sliced = single(9, {0, 2, 3});
  sliced.node("Transpose", {"x"}, "t").with("perm", std::vector<std::int64_t>{1, 0, 2});
  sliced.node("Slice", {"t"}, "y")
      .with("axes", std::vector<std::int64_t>{1})
      .with("starts", std::vector<std::int64_t>{1})
      .with("ends", std::vector<std::int64_t>{2});
  EXPECT_FALSE(sliced.import().has_batch);
  auto read = single(9, {0, 2, 3});
  read.node("Transpose", {"x"}, "t").with("perm", std::vector<std::int64_t>{1, 0, 2});
  read.node("Relu", {"t"}, "y");
  EXPECT_FALSE(read.import().has_batch);
}

TEST(OnnxMatMul, OfTwoValues) {
  auto b = single(13, {0, 2, 3});
  b.node("Transpose", {"x"}, "t").with("perm", std::vector<std::int64_t>{0, 2, 1});
  b.node("MatMul", {"x", "t"}, "y");
  EXPECT_EQ(run(b.import(), {1, 2, 3, 4, 5, 6}), (std::vector<double>{14, 32, 32, 77}));
  auto flat = single(13, {0, 3});
  flat.node("MatMul", {"x", "x"}, "y");
  EXPECT_NE(refusal(flat).find("as many dimensions"), std::string::npos);
}

TEST(OnnxTranspose, KeepsTheBatchFirst) {
  auto b = single(13, {0, 2, 3});
  b.node("Transpose", {"x"}, "y").with("perm", std::vector<std::int64_t>{0, 2, 1});
  EXPECT_EQ(run(b.import(), {1, 2, 3, 4, 5, 6}), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  auto moves = single(13, {0, 2, 3});
  moves.node("Transpose", {"x"}, "y").with("perm", std::vector<std::int64_t>{1, 0, 2});
  EXPECT_FALSE(moves.import().has_batch);
  auto twice = single(13, {0, 2, 3});
  twice.node("Transpose", {"x"}, "y").with("perm", std::vector<std::int64_t>{0, 1, 1});
  EXPECT_NE(refusal(twice, ErrorCode::corrupt_file).find("each axis once"), std::string::npos);
}

TEST(OnnxLrn, SumsOverNeighbouringChannels) {
  auto b = single(13, {0, 3, 1, 1});
  b.node("LRN", {"x"}, "y").with("size", 3).with("alpha", 3.0f).with("beta", 0.5f).with("bias", 0.0f);
  const std::vector<double> y = run(b.import(), {3, 4, 12});
  EXPECT_NEAR(y[0], 3.0 / 5, 1e-9);
  EXPECT_NEAR(y[1], 4.0 / 13, 1e-9);
  EXPECT_NEAR(y[2], 12.0 / std::sqrt(160.0), 1e-9);
}

TEST(OnnxConstantOfShape, FillsWeights) {
  auto b = single(13, {0, 4});
  b.integers("s", {4, 3});
  b.node("ConstantOfShape", {"s"}, "w");
  auto* value = b.graph().mutable_node(0)->add_attribute();
  value->set_name("value"), value->set_type(onnx::AttributeProto::TENSOR);
  value->mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
  value->mutable_t()->add_dims(1), value->mutable_t()->add_float_data(0.5f);
  b.node("MatMul", {"x", "w"}, "y");
  EXPECT_EQ(run(b.import(), {1, 2, 3, 4}), (std::vector<double>{5, 5, 5}));
  b.graph().mutable_node(0)->clear_attribute();
  EXPECT_EQ(run(b.import(), {1, 2, 3, 4}), (std::vector<double>{0, 0, 0}));
}

TEST(OnnxClip, ReadsAttributesThenInputs) {
  auto old = single(6, {0, 2});
  old.node("Clip", {"x"}, "y").with("min", 0.0f).with("max", 6.0f);
  EXPECT_EQ(only<ops::ClampOp>(old.import()).activation, (ops::Activation{0, 6}));
  auto now = single(13, {0, 2});
  now.floats("hi", {}, {6});
  now.node("Clip", {"x", "", "hi"}, "y");
  EXPECT_EQ(only<ops::ClampOp>(now.import()).activation.hi, 6);
  EXPECT_EQ(only<ops::ClampOp>(now.import()).activation.lo, -std::numeric_limits<float>::infinity());
}

TEST(OnnxPool, ReadsAttributes) {
  auto b = single(13, {0, 2, 7, 7});
  b.node("AveragePool", {"x"}, "y")
      .with("kernel_shape", std::vector<std::int64_t>{3, 3})
      .with("strides", std::vector<std::int64_t>{2, 2})
      .with("ceil_mode", 1)
      .with("count_include_pad", 1)
      .with("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  const Graph g = b.import();
  EXPECT_TRUE(only<ops::AveragePoolOp>(g).ceil_mode && only<ops::AveragePoolOp>(g).count_include_pad);
  EXPECT_EQ(output_shape(g), (Shape{2, 4, 4}));
  auto max = single(13, {0, 2, 8, 8});
  max.node("MaxPool", {"x"}, "y").output("indices").with("kernel_shape", std::vector<std::int64_t>{2, 2});
  EXPECT_EQ(output_shape(max.import()), (Shape{2, 7, 7}));
  max.output("indices");
  EXPECT_EQ(max.import().outputs.size(), 2u);
}

TEST(OnnxReshape, KeepsTheBatch) {
  struct Case {
    std::vector<std::int64_t> target;
    Shape expected;
  };
  for (const Case& c :
       {Case{{-1, 24}, {24}}, {{0, -1}, {24}}, {{0, 0, 6}, {4, 6}}, {{5, 2, 2, 6}, {2, 2, 6}}}) {
    auto b = single(13, {5, 4, 2, 3});
    b.integers("shape", c.target);
    b.node("Reshape", {"x", "shape"}, "y");
    EXPECT_EQ(output_shape(b.import()), c.expected);
  }
  for (const std::vector<std::int64_t>& target : {std::vector<std::int64_t>{-1, 12}, {24, 5}, {-1}, {0, 7}}) {
    auto b = single(13, {5, 4, 2, 3});
    b.integers("shape", target);
    b.node("Reshape", {"x", "shape"}, "y");
    if (target[0] == 0)
      refusal(b);
    else
      EXPECT_FALSE(b.import().has_batch);
  }
}

TEST(OnnxReshape, FoldsTheShapeArithmeticOfPyTorch) {
  for (const int opset : {9, 13}) {
    auto b = single(opset, {0, 4, 2, 3});
    b.integers("zero", {0}).clear_dims();
    b.integers("minus", {-1}), b.integers("axes", {0});
    b.node("Shape", {"x"}, "s");
    b.node("Gather", {"s", "zero"}, "n").with("axis", 0);
    auto unsqueeze = b.node(
        "Unsqueeze", opset < 13 ? std::vector<std::string>{"n"} : std::vector<std::string>{"n", "axes"}, "u");
    if (opset < 13) unsqueeze.with("axes", std::vector<std::int64_t>{0});
    b.node("Concat", {"u", "minus"}, "t").with("axis", 0);
    b.node("Reshape", {"x", "t"}, "y");
    only<ops::FlattenOp>(b.import());
  }
}

TEST(OnnxFlatten, OnlyAfterTheBatch) {
  auto b = single(13, {0, 4, 2, 3});
  b.node("Flatten", {"x"}, "y").with("axis", 2);
  EXPECT_FALSE(b.import().has_batch) << "a dimension joins the batch";
  auto one = single(13, {0, 1, 2, 3});
  one.node("Flatten", {"x"}, "y").with("axis", -2);
  EXPECT_EQ(output_shape(one.import()), (Shape{6}));
}

TEST(OnnxSlice, CountsFromTheEndAndSteps) {
  std::vector<double> x;
  for (int i = 0; i < 24; ++i) x.push_back(i);
  auto b = single(13, {0, 2, 3, 4});
  b.integers("st", {-2, 0}), b.integers("en", {std::numeric_limits<std::int64_t>::max(), -1});
  b.integers("ax", {2, -1}), b.integers("sp", {1, 2});
  b.node("Slice", {"x", "st", "en", "ax", "sp"}, "y");
  EXPECT_EQ(run(b.import(), x), (std::vector<double>{4, 6, 8, 10, 16, 18, 20, 22}));
  auto old = single(9, {0, 2, 3, 4});
  old.node("Slice", {"x"}, "y")
      .with("starts", std::vector<std::int64_t>{1, 2})
      .with("ends", std::vector<std::int64_t>{2, 3})
      .with("axes", std::vector<std::int64_t>{1, 2});
  EXPECT_EQ(run(old.import(), x), (std::vector<double>{20, 21, 22, 23}));
}

TEST(OnnxSlice, OfTheBatchOrBackwardsIsWhole) {
  auto batch = single(9, {0, 2, 3, 4});
  batch.node("Slice", {"x"}, "y")
      .with("starts", std::vector<std::int64_t>{1})
      .with("ends", std::vector<std::int64_t>{2});
  EXPECT_EQ(output_shape(batch.import()), (Shape{0, 2, 3, 4}));
  auto step = single(13, {0, 2, 3, 4});
  step.integers("st", {-1}), step.integers("en", {-9}), step.integers("ax", {1}), step.integers("sp", {-1});
  step.node("Slice", {"x", "st", "en", "ax", "sp"}, "y");
  EXPECT_FALSE(step.import().has_batch);
}

TEST(OnnxPad, PadsAndCropsSamples) {
  auto b = single(13, {0, 1, 2, 3});
  b.integers("p", {0, 0, 1, -1, 0, 0, 0, 1}), b.floats("v", {}, {9});
  b.node("Pad", {"x", "p", "v"}, "y");
  EXPECT_EQ(run(b.import(), {1, 2, 3, 4, 5, 6}), (std::vector<double>{9, 9, 9, 2, 3, 9, 5, 6, 9}));
  auto reflect = single(9, {0, 1, 2, 3});
  reflect.node("Pad", {"x"}, "y").with("mode", "reflect").with("pads", std::vector<std::int64_t>(8, 1));
  EXPECT_FALSE(reflect.import().has_batch);
  auto batch = single(9, {0, 1, 2, 3});
  batch.node("Pad", {"x"}, "y").with("pads", std::vector<std::int64_t>(8, 1));
  EXPECT_EQ(output_shape(batch.import()), (Shape{3, 3, 4, 5}));
}

TEST(OnnxConcat, JoinsChannels) {
  auto b = single(13, {0, 2, 1, 2});
  b.node("Relu", {"x"}, "r"), b.node("Concat", {"x", "r"}, "y").with("axis", -3);
  EXPECT_EQ(run(b.import(), {-1, 2, 3, -4}), (std::vector<double>{-1, 2, 3, -4, 0, 2, 3, 0}));
  auto batch = single(13, {0, 2, 1, 2});
  batch.node("Concat", {"x", "x"}, "y").with("axis", 0);
  EXPECT_EQ(output_shape(batch.import()), (Shape{2, 2, 1, 2}));
}

TEST(OnnxSoftmax, CoercesBeforeOpset13) {
  const std::vector<double> x{0.1, 0.9, -0.3, 0.4};
  auto now = single(13, {0, 2, 1, 2});
  now.node("Softmax", {"x"}, "y");
  EXPECT_EQ(only<ops::SoftmaxOp>(now.import()).axis, 2);
  auto old = single(11, {0, 2, 1, 2});
  old.node("Softmax", {"x"}, "y");
  const std::vector<double> y = run(old.import(), x);
  double sum = 0, expected = 0;
  for (std::size_t i = 0; i < x.size(); ++i) expected += std::exp(x[i]), sum += y[i];
  EXPECT_NEAR(sum, 1.0, 1e-12);
  EXPECT_NEAR(y[1], std::exp(x[1]) / expected, 1e-12);
  auto vector = single(11, {0, 4});
  vector.node("Softmax", {"x"}, "y");
  EXPECT_EQ(only<ops::SoftmaxOp>(vector.import()).axis, 0);
}

TEST(OnnxIdentity, AndDropoutBecomeNoNode) {
  auto b = single(13, {0, 4});
  b.node("Identity", {"x"}, "i"), b.node("Relu", {"i"}, "r"), b.node("Dropout", {"r"}, "y").output("mask");
  const Graph g = b.import();
  only<ops::ClampOp>(g);
  EXPECT_EQ(g.values[static_cast<std::size_t>(g.outputs[0])].name, "y");
}

TEST(OnnxConstant, FeedsOtherNodes) {
  auto b = single(13, {0, 2});
  b.node("Constant", {}, "c").with("value_float", 2.5f);
  b.node("Mul", {"x", "c"}, "y");
  EXPECT_EQ(only<ops::ScaleShiftOp>(b.import()).scale, (std::vector<float>{2.5f}));
}

}  // namespace
}  // namespace lowbit
