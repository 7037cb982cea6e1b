// SPDX-License-Identifier: Apache-2.0
// Weight-only models run from their codes: against an interpreter in double on dequantized weights, with the
// same bits from every kernel, and back to the codes when they are saved.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/make_quantizer.h"
#include "model/node_schemes.h"
#include "support/graph_interpreter.h"
#include "support/put_weights.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;
using testing::Sample;

/// Convolutions with padding, strides, dilation, groups, a channel multiplier, a residual, depthwise ones,
/// and products of one row and of several.
Graph network() {
  Random random(5);
  Graph g;
  const ValueId image = g.add_value("image", Shape{3, 9, 11});
  g.inputs = {image};
  ops::Conv2dOp first = testing::random_conv(3, 12, 3, 1, random);
  first.window.pad = {1, 1, 1, 1};
  first.activation.lo = 0;
  const ValueId a = g.add_node("first", first, {image});
  ops::Conv2dOp grouped = testing::random_conv(12, 12, 3, 2, random);
  grouped.window.pad = {2, 2, 2, 2};
  grouped.window.dilation = {2, 2};
  const ValueId b = g.add_node("residual", grouped, {a, a});
  ops::Conv2dOp depthwise = testing::random_conv(12, 12, 3, 12, random);
  depthwise.window.pad = {1, 1, 1, 1};
  depthwise.window.stride = {2, 2};
  depthwise.activation.hi = 4;
  const ValueId c = g.add_node("depthwise", depthwise, {b});
  const ValueId d = g.add_node("multiplied", testing::random_conv(12, 24, 2, 12, random), {c});
  const ValueId e = g.add_node("pointwise", testing::random_conv(24, 20, 1, 1, random), {d});
  const ValueId f = g.add_node("flatten", ops::FlattenOp{}, {e});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{10, 20 * 4 * 5});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {f})};
  infer_shapes(g);
  return g;
}

Tensor random_batch(std::int64_t count) {
  Random random(8);
  Tensor t(Shape{count, 3, 9, 11});
  for (float& v : t.data) v = random.gaussian();
  return t;
}

std::vector<float> outputs(const Model& model, const Tensor& in, std::int64_t batch, int threads) {
  const std::int64_t count = in.shape[0], inputs = model.input_shape().elements(), classes = 10;
  Workspace workspace(model, {.batch = batch, .threads = threads});
  std::vector<float> out(static_cast<std::size_t>(count * classes));
  for (std::int64_t i = 0; i < count; i += batch)
    run(model, TensorView(in.data.data() + i * inputs, Shape{batch, 3, 9, 11}),
        MutableTensorView(out.data() + i * classes, Shape{batch, classes}), workspace);
  return out;
}

class WeightOnly : public ::testing::TestWithParam<const char*> {};

TEST_P(WeightOnly, EqualsTheInterpreterOnDequantizedWeights) {
  const Model model = quantize(Model(network()), {.scheme = GetParam()});
  Graph graph = model.graph();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (const auto weights = model.weights(static_cast<int>(i)))
      testing::put_weights(graph.nodes[i].op, *weights);
  const Tensor in = random_batch(6);
  const std::vector<float> out = outputs(model, in, 6, 1);
  double error = 0, power = 0;
  for (std::size_t b = 0; b < 6; ++b) {
    const Sample sample{model.input_shape(),
                        std::vector<double>(in.data.begin() + static_cast<std::ptrdiff_t>(b * 297),
                                            in.data.begin() + static_cast<std::ptrdiff_t>((b + 1) * 297))};
    const std::vector<Sample> expected = testing::interpret(graph, std::span(&sample, 1));
    for (std::size_t i = 0; i < 10; ++i) {
      error += std::pow(expected[0].data[i] - double(out[b * 10 + i]), 2);
      power += std::pow(expected[0].data[i], 2);
    }
  }
  EXPECT_LT(std::sqrt(error / power), 1e-5);
}

TEST_P(WeightOnly, ThreadsAndBatchesDoNotChangeTheBits) {
  const Model model = quantize(Model(network()), {.scheme = GetParam()});
  const Tensor in = random_batch(12);
  const std::vector<float> expected = outputs(model, in, 1, 1);
  EXPECT_EQ(outputs(model, in, 12, 1), expected);
  EXPECT_EQ(outputs(model, in, 4, 3), expected);
}

TEST_P(WeightOnly, RunsFromItsCodesAndKeepsThemOnce) {
  const Model fp32(network()), model = quantize(fp32, {.scheme = GetParam()});
  const Scheme scheme = parse_scheme(GetParam());
  std::size_t bytes = 0;
  double bits = 0;
  std::int64_t weights = 0;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i) {
    const Graph::Node& node = model.graph().nodes[static_cast<std::size_t>(i)];
    if (!ops::has_weights(node.op)) continue;
    SCOPED_TRACE(node.name);
    // With scale groups within a kernel, a depthwise convolution is one product for each channel.
    const bool depthwise = node.name == "depthwise" && model.quantization(i).weights->groups() == 1;
    const bool converted = scheme.mapping == Mapping::asymmetric_real;
    EXPECT_EQ(model.kernel(i).find("f32/") != std::string::npos, !depthwise) << model.kernel(i);
    EXPECT_EQ(model.quantization(i).weights->codes.empty(), !depthwise && !converted);
    // Not only empty: neither the codes nor the floats that they replaced take memory.
    if (!depthwise && !converted) {
      EXPECT_EQ(model.quantization(i).weights->codes.capacity(), 0u);
    }
    std::visit(
        [](const auto& op) {
          if constexpr (requires { op.weight; }) {
            EXPECT_EQ(op.weight.data.capacity(), 0u);
          }
        },
        node.op);
    // What comes back is what the quantizer made.
    const Tensor matrix = weight_matrix(fp32.graph().nodes[static_cast<std::size_t>(i)].op);
    const QuantizedMatrix expected =
        quantize(MatrixView(matrix.data.data(), matrix.shape[0], matrix.shape[1]), make_quantizer(scheme));
    const auto got = model.weights(i);
    ASSERT_TRUE(got.has_value());
    EXPECT_NO_THROW(got->validate());
    EXPECT_EQ(got->codes, expected.codes);
    EXPECT_EQ(got->scales, expected.scales);
    EXPECT_EQ(got->zero_points, expected.zero_points);
    EXPECT_EQ(got->offsets, expected.offsets);
    EXPECT_EQ(got->levels, expected.levels);
    EXPECT_EQ(model.weight_bytes(i), expected.stored_bytes());
    bytes += expected.stored_bytes();
    bits += expected.bits_per_weight() * static_cast<double>(expected.rows * expected.cols);
    weights += expected.rows * expected.cols;
  }
  EXPECT_GE(model.stored_bytes(), bytes);
  EXPECT_NEAR(model.bits_per_weight(), bits / static_cast<double>(weights), 1e-9);
  const std::vector<std::byte> file = save_to_bytes(model);
  const Model loaded = load(file);
  EXPECT_EQ(save_to_bytes(loaded), file);
  const Tensor in = random_batch(2);
  EXPECT_EQ(outputs(loaded, in, 2, 1), outputs(model, in, 2, 1));
}

INSTANTIATE_TEST_SUITE_P(Schemes, WeightOnly,
                         ::testing::Values("int8-wo", "int8-asym-wo", "int6-g12-asym-wo", "int4-wo",
                                           "int4-g4-wo", "int4-g32-asym-wo", "int4-asymf-wo", "int8-asymf-wo",
                                           "int2-wo", "int2-g8-asym-wo", "ternary-wo", "nf4-g12-wo",
                                           "kmeans4-wo", "kmeans8-wo", "fp8e4m3-wo", "mxfp4-wo", "nvfp4-wo",
                                           "binary-wo", "binary3-wo"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace lowbit
