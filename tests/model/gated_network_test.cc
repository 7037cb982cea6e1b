// SPDX-License-Identifier: Apache-2.0
// A network with what later networks than plain CNNs have: swish, squeeze and excite, shuffled channels,
// response normalization, a mean over positions.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;
using testing::Sample;

class GatedNetwork : public ::testing::Test {
 protected:
  GatedNetwork() {
    graph_.inputs = {graph_.add_value("image", {3, 8, 8})};
    ValueId x = conv("stem", graph_.inputs[0], 8, 3);
    x = function("swish", ops::Function::silu, x);
    ValueId gate = graph_.add_node("squeeze", ops::GlobalAveragePoolOp{}, {x});
    gate = function("excite", ops::Function::hard_sigmoid, conv("narrow", gate, 8, 1), 0.2f, 0.5f);
    x = graph_.add_node("scale", ops::BinaryOp{ops::BinaryFunction::mul}, {x, gate});
    x = graph_.add_node("groups", ops::ReshapeOp{{2, 4, 6, 6}}, {x});
    x = graph_.add_node("shuffle", ops::TransposeOp{{1, 0, 2, 3}}, {x});
    x = graph_.add_node("ungroup", ops::ReshapeOp{{8, 6, 6}}, {x});
    x = graph_.add_node("lrn", ops::LrnOp{5, 0.5f, 0.75f, 1.0f}, {x});
    x = function("leaky", ops::Function::leaky_relu, conv("body", x, 6, 3), 0.1f);
    ops::BinaryOp floor{ops::BinaryFunction::max, Tensor(Shape{1, 4, 1}, {-0.5f, 0.0f, -1.0f, -0.25f}), true};
    x = graph_.add_node("floor", std::move(floor), {x});
    x = graph_.add_node("mean", ops::ReduceOp{ops::Reduction::mean, {1, 2}, false}, {x});
    ops::LinearOp fc;
    fc.weight = weights({5, 6});
    graph_.outputs = {graph_.add_node("fc", std::move(fc), {x})};
    images_ = Tensor(Shape{40, 3, 8, 8});
    for (float& v : images_.data) v = random_.uniform();
  }

  Tensor weights(const Shape& shape) {
    Tensor t(shape);
    const auto inputs = static_cast<float>(shape.elements() / shape[0]);
    for (float& w : t.data) w = random_.gaussian() / std::sqrt(inputs);
    return t;
  }
  ValueId conv(const std::string& name, ValueId in, std::int64_t out, std::int64_t kernel) {
    ops::Conv2dOp op;
    op.weight = weights({out, graph_.values[static_cast<std::size_t>(in)].shape[0], kernel, kernel});
    op.bias = std::vector<float>(static_cast<std::size_t>(out), 0.1f);
    op.window.kernel = {kernel, kernel};
    return graph_.add_node(name, std::move(op), {in});
  }
  ValueId function(const std::string& name, ops::Function f, ValueId in, float alpha = 1, float beta = 0) {
    return graph_.add_node(name, ops::FunctionOp{f, alpha, beta}, {in});
  }

  Random random_{9};
  Graph graph_;
  Tensor images_;
};

TEST_F(GatedNetwork, EqualsTheInterpreterInFloats) {
  const Model model(graph_);
  Workspace workspace(model, {.batch = 40});
  Tensor out(Shape{40, 5});
  run(model, images_, out, workspace);
  for (std::size_t i = 0; i < 40; ++i) {
    const auto first = images_.data.begin() + static_cast<std::ptrdiff_t>(i * 192);
    const Sample in{{3, 8, 8}, {first, first + 192}};
    const std::vector<double> want = testing::interpret(graph_, {&in, 1})[0].data;
    for (std::size_t c = 0; c < 5; ++c) EXPECT_NEAR(out.data[i * 5 + c], want[c], 1e-5);
  }
}

TEST_F(GatedNetwork, RunsInCodesAndKeepsItsBits) {
  const Model fp32(graph_);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{images_});
  for (const char* scheme : {"int8", "int4-g32-a8", "int8-a4"}) {
    SCOPED_TRACE(scheme);
    const Model model = quantize(fp32, table, {.scheme = scheme});
    EXPECT_GT(compare(fp32, model, std::vector<Tensor>{images_}).outputs[0].error.sqnr_db,
              std::string(scheme) == "int8" ? 20 : 5);
    const Model again = load(save_to_bytes(model));
    EXPECT_EQ(save_to_bytes(again), save_to_bytes(model));
    const auto outputs = [&](const Model& m, int threads) {
      Workspace workspace(m, {.batch = 40, .threads = threads});
      Tensor out(Shape{40, 5});
      run(m, images_, out, workspace);
      return out.data;
    };
    EXPECT_EQ(outputs(again, 1), outputs(model, 1));
    EXPECT_EQ(outputs(model, 3), outputs(model, 1));
  }
  EXPECT_EQ(describe_coverage(quantize(fp32, table)),
            "13 of 15 layers int8, fp32: lrn (LRN has no 8-bit form), fp32: mean (Reduce has no 8-bit form)");
}

}  // namespace
}  // namespace lowbit
