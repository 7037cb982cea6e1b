// SPDX-License-Identifier: Apache-2.0
// The layer of a transformer's encoder in codes: attention whose mask stays floats, normalization, GELU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::fnv1a;
using testing::Random;
using testing::Sample;

constexpr std::int64_t kRows = 10, kWidth = 24, kSamples = 30;

class EncoderNetwork : public ::testing::Test {
 protected:
  EncoderNetwork() {
    const ValueId x = graph_.add_value("x", {kRows, kWidth});
    graph_.inputs = {x};
    // Hides rows with a low mean.
    ValueId mask = graph_.add_node("row means", ops::ReduceOp{ops::Reduction::mean, {1}, true}, {x});
    mask = graph_.add_node("mask", ops::ScaleShiftOp{{8.0f}, {0.0f}, {-INFINITY, 0.0f}}, {mask});
    mask = graph_.add_node("mask of keys", ops::ReshapeOp{{1, 1, 1, kRows}}, {mask});
    const auto heads = [&](const std::string& name) {
      return graph_.add_node(name + " heads", ops::ReshapeOp{{1, kRows, 3, kWidth / 3}},
                             {linear(name, x, kWidth)});
    };
    const ValueId q = heads("queries"), k = heads("keys"), v = heads("values");
    ValueId y =
        graph_.add_node("attention", ops::AttentionOp{0.35f, false, false, false, false}, {q, k, v, mask});
    y = linear("joined", graph_.add_node("joined heads", ops::ReshapeOp{{kRows, kWidth}}, {y}), kWidth);
    const ValueId h = norm("first norm", graph_.add_node("first sum", ops::AddOp{}, {y, x}));
    ops::FunctionOp gelu;
    gelu.function = ops::Function::gelu;
    y = linear("down", graph_.add_node("gelu", gelu, {linear("up", h, 2 * kWidth)}), kWidth);
    graph_.outputs = {norm("second norm", graph_.add_node("second sum", ops::AddOp{}, {y, h}))};
    x_ = Tensor(Shape{kSamples, kRows, kWidth});
    for (float& e : x_.data) e = random_.gaussian();
  }

  ValueId linear(const std::string& name, ValueId in, std::int64_t out) {
    const std::int64_t size = graph_.values[static_cast<std::size_t>(in)].shape[1];
    ops::LinearOp op;
    op.weight = Tensor(Shape{out, size});
    for (float& w : op.weight.data) w = random_.gaussian() / std::sqrt(static_cast<float>(size));
    op.bias.assign(static_cast<std::size_t>(out), 0.1f);
    return graph_.add_node(name, std::move(op), {in});
  }
  ValueId norm(const std::string& name, ValueId in) {
    return graph_.add_node(
        name,
        ops::LayerNormOp{std::vector<float>(kWidth, 1.25f), std::vector<float>(kWidth, 0.25f), 1e-5f, true},
        {in});
  }
  std::vector<float> outputs(const Model& model, int threads = 1) const {
    Workspace workspace(model, {.batch = kSamples, .threads = threads});
    Tensor out(Shape{kSamples, kRows, kWidth});
    run(model, x_, out, workspace);
    return out.data;
  }

  Random random_{3};
  Graph graph_;
  Tensor x_;
};

TEST_F(EncoderNetwork, EqualsTheInterpreterInFloats) {
  const Model model(graph_);
  const std::vector<float> got = outputs(model);
  EXPECT_EQ(outputs(model, 3), got);
  constexpr std::size_t kSize = kRows * kWidth;
  for (std::size_t i = 0; i < kSamples; ++i) {
    const auto first = x_.data.begin() + static_cast<std::ptrdiff_t>(i * kSize);
    const Sample in{{kRows, kWidth}, {first, first + kSize}};
    const std::vector<double> want = testing::interpret(graph_, {&in, 1})[0].data;
    for (std::size_t e = 0; e < kSize; ++e) ASSERT_NEAR(got[i * kSize + e], want[e], 1e-5);
  }
}

TEST_F(EncoderNetwork, RunsInCodesAndKeepsItsBits) {
  const Model fp32(graph_);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{x_});
  const Model model = quantize(fp32, table, {.scheme = "int8"});
  EXPECT_EQ(describe_coverage(model),
            "16 of 19 layers int8, fp32: row means (Reduce has no 8-bit form), fp32: mask, mask of keys (a "
            "mask stays floats)");
  EXPECT_GT(compare(fp32, model, std::vector<Tensor>{x_}).outputs[0].error.sqnr_db, 25);
  const Model again = load(save_to_bytes(model));
  EXPECT_EQ(save_to_bytes(again), save_to_bytes(model));
  EXPECT_EQ(outputs(again), outputs(model));
  EXPECT_EQ(outputs(model, 3), outputs(model));
  // The mask is read as it is, and codes by nobody.
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i) {
    const Graph::Node& node = model.graph().nodes[i];
    if (std::holds_alternative<ops::AttentionOp>(node.op)) {
      EXPECT_EQ(model.data().types[static_cast<std::size_t>(node.inputs[3])].dtype, DType::f32);
    }
  }
}

TEST_F(EncoderNetwork, ProductsAloneInDynamicCodes) {
  const Model fp32(graph_);
  const Model model = quantize(fp32, {.scheme = "int8-dynamic"});
  EXPECT_GT(compare(fp32, model, std::vector<Tensor>{x_}).outputs[0].error.sqnr_db, 35);
}

// Codes from the lowest float to 1 would make 1 and 0 the same.
TEST_F(EncoderNetwork, AMaskStaysFloatsBehindOperatorsWithoutCodes) {
  Graph graph = graph_;
  ops::BinaryOp add;
  add.constant = Tensor(Shape{1, kWidth});
  add.constant.data[0] = -3e38f;
  const ValueId lowered = graph.add_node("lowered", add, {graph.inputs[0]});
  graph.nodes[0].inputs = {lowered};  // the mean of rows, which has no codes
  std::rotate(graph.nodes.begin(), graph.nodes.end() - 1, graph.nodes.end());
  const Model fp32(graph);
  const Model model = quantize(fp32, calibrate(fp32, std::vector<Tensor>{x_}), {.scheme = "int8"});
  EXPECT_EQ(describe_coverage(model),
            "16 of 20 layers int8, fp32: row means (Reduce has no 8-bit form), fp32: lowered, mask, mask of "
            "keys (a mask stays floats)");
}

/// With ranges that are given, since calibration runs in floats.
TEST_F(EncoderNetwork, HasTheSameBitsEverywhere) {
  const Model fp32(graph_);
  QuantizeOptions options{.scheme = "int8"};
  options.ranges = [](const std::string&, int) { return Range{-4.0f, 4.0f}; };
  const std::vector<float> got = outputs(quantize(fp32, calibrate(fp32, std::vector<Tensor>{x_}), options));
  EXPECT_EQ(fnv1a(got.data(), got.size() * sizeof(float)), 0x31a17aee6a00ad67u);
}

}  // namespace
}  // namespace lowbit
