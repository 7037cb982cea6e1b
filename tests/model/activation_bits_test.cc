// SPDX-License-Identifier: Apache-2.0
// Activations of fewer than 8 bits through whole networks: each layer of the quantized model against the
// graph interpreter in double on dequantized weights, its result rounded to the codes that the model says.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/error.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;
using testing::Sample;

ops::Conv2dOp conv(Random& random, std::int64_t in, std::int64_t out) {
  ops::Conv2dOp op;
  op.weight = Tensor(Shape{out, in, 3, 3});
  for (float& w : op.weight.data) w = random.gaussian() * 0.2f;
  op.window = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  op.activation.lo = 0.0f;
  return op;
}

/// image -> conv1 -> conv2 (+ conv1) -> pad -> max pool -> add to itself -> scale and shift -> clamp ->
/// depthwise, joined with the clamp -> average pool -> global average -> fc
Graph network() {
  Random random(5);
  Graph g;
  const ValueId x = g.add_value("image", {3, 8, 8});
  g.inputs = {x};
  const ValueId a = g.add_node("conv1", conv(random, 3, 8), {x});
  const ValueId b = g.add_node("conv2", conv(random, 8, 8), {a, a});
  ops::PadOp pad;
  pad.before = pad.after = {0, 1, 1};
  pad.value = 0.4f;
  ops::MaxPoolOp pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ValueId c = g.add_node("pool", pool, {g.add_node("pad", pad, {b})});
  const ValueId d = g.add_node("sum", ops::AddOp{}, {c, c});
  ops::ScaleShiftOp affine;
  affine.scale = {0.75f};
  affine.shift = {-0.3f};
  ops::ClampOp clamp;
  clamp.activation.lo = 0.0f;
  clamp.activation.hi = 4.0f;
  const ValueId k = g.add_node("clamp", clamp, {g.add_node("affine", affine, {d})});
  ops::Conv2dOp depthwise = conv(random, 1, 8);
  depthwise.groups = 8;
  const ValueId m = g.add_node("depthwise", depthwise, {k});
  const ValueId j = g.add_node("concat", ops::ConcatOp{.axis = 0}, {m, k});
  ops::AveragePoolOp average;
  average.window.kernel = {2, 2};
  const ValueId p = g.add_node("average", average, {j});
  const ValueId f =
      g.add_node("flatten", ops::FlattenOp{}, {g.add_node("mean", ops::GlobalAveragePoolOp{}, {p})});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{10, 16});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {f})};
  return g;
}

Tensor random_batch(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor t(Shape{count, 3, 8, 8});
  for (float& v : t.data) v = random.uniform();
  return t;
}

double rounded(double x, const ValueType& type) {
  if (type.dtype == DType::f32) return x;
  const double zero = type.qparams.zero_point, scale = type.qparams.scale;
  const double last = std::pow(2.0, type.bits) - 1 - zero;
  return std::fmin(std::fmax(std::nearbyint(x / scale), -zero), last) * scale;
}

/// Weights as the codes stand for them, in the order in which the operator keeps them.
void put_weights(ops::Op& op, const QuantizedMatrix& weights) {
  Tensor w(Shape{weights.rows, weights.cols});
  dequantize(weights, MutableMatrixView(w.data.data(), weights.rows, weights.cols));
  if (auto* linear = std::get_if<ops::LinearOp>(&op)) linear->weight.data = w.data;
  if (auto* c = std::get_if<ops::Conv2dOp>(&op)) {
    const std::int64_t channels = c->weight.shape[1], taps = 9;
    c->weight.data.resize(w.data.size());
    for (std::size_t i = 0; i < w.data.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t row = at / (channels * taps), tap = at / channels % taps, channel = at % channels;
      c->weight.data[static_cast<std::size_t>((row * channels + channel) * taps + tap)] = w.data[i];
    }
  }
}

std::vector<double> oracle(const Model& model, const float* image) {
  const Graph& graph = model.graph();
  std::vector<Sample> values(graph.values.size());
  values[0] = {model.input_shape(), std::vector<double>(image, image + 192)};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    const ValueType& type = model.type(node.output);
    Sample& out = values[static_cast<std::size_t>(node.output)];
    if (std::holds_alternative<ops::QuantizeOp>(node.op) ||
        std::holds_alternative<ops::DequantizeOp>(node.op)) {
      out = values[static_cast<std::size_t>(node.inputs[0])];
    } else {
      Graph one;
      std::vector<Sample> inputs;
      for (const ValueId id : node.inputs) {
        inputs.push_back(values[static_cast<std::size_t>(id)]);
        one.inputs.push_back(one.add_value("input", inputs.back().shape));
      }
      ops::Op op = node.op;
      if (model.quantization(static_cast<int>(i)).weights)
        put_weights(op, *model.quantization(static_cast<int>(i)).weights);
      one.outputs = {one.add_node("node", op, one.inputs)};
      out = testing::interpret(one, inputs)[0];
    }
    for (double& x : out.data) x = rounded(x, type);
  }
  return values[static_cast<std::size_t>(graph.outputs[0])].data;
}

class ActivationBits : public ::testing::TestWithParam<const char*> {};

TEST_P(ActivationBits, EqualTheInterpreterOnRoundedValues) {
  const Model fp32(network());
  const auto table = calibrate(fp32, std::vector<Tensor>{random_batch(8, 1)});
  const Model model = quantize(fp32, table, {.scheme = GetParam()});
  ASSERT_EQ(fallback_count(model), 0);
  const Tensor in = random_batch(32, 3);
  Tensor out(Shape{32, 10}), expected(Shape{32, 10});
  Workspace workspace(model, {.batch = 32});
  run(model, in, out, workspace);
  for (std::size_t b = 0; b < 32; ++b) {
    const std::vector<double> y = oracle(model, in.data.data() + b * 192);
    for (std::size_t i = 0; i < 10; ++i) expected.data[b * 10 + i] = static_cast<float>(y[i]);
  }
  // A value that lies between two codes may round to either: rare, and one step then.
  EXPECT_GT(measure_error(TensorView(expected), TensorView(out)).sqnr_db, 35.0);
}

INSTANTIATE_TEST_SUITE_P(Schemes, ActivationBits,
                         ::testing::Values("int8", "int8-a7", "int8-a6", "int8-a5", "int8-a4", "int4-a3",
                                           "int8-a2"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(ActivationBits, FewerBitsMeanMoreError) {
  const Model fp32(network());
  const auto table = calibrate(fp32, std::vector<Tensor>{random_batch(8, 1)});
  const Tensor in = random_batch(32, 3);
  Tensor reference(Shape{32, 10}), out(Shape{32, 10});
  Workspace workspace(fp32, {.batch = 32});
  run(fp32, in, reference, workspace);
  double last = 1000;
  for (const char* scheme : {"int8", "int8-a6", "int8-a4", "int8-a2"}) {
    const Model model = quantize(fp32, table, {.scheme = scheme});
    Workspace w(model, {.batch = 32});
    run(model, in, out, w);
    const double sqnr = measure_error(TensorView(reference), TensorView(out)).sqnr_db;
    EXPECT_LT(sqnr, last - 1) << scheme;
    last = sqnr;
  }
}

TEST(ActivationBits, AValueHasTheBitsOfItsWidestReader) {
  const Model fp32(network());
  const auto table = calibrate(fp32, std::vector<Tensor>{random_batch(8, 1)});
  const Model model = quantize(fp32, table, {.scheme = "int8-a4", .overrides = {{"conv1", "int8"}}});
  const auto bits_of = [&](const std::string& name) {
    for (std::size_t v = 0; v < model.graph().values.size(); ++v)
      if (model.graph().values[v].name == name) return model.type(static_cast<ValueId>(v)).bits;
    return 0;
  };
  EXPECT_EQ(bits_of("image:u8"), 8);  // conv1 alone reads it
  EXPECT_EQ(bits_of("conv1"), 4);
  EXPECT_EQ(bits_of("conv2"), 4);
  EXPECT_EQ(bits_of("flatten"), 4);
}

TEST(ActivationBits, FilesKeepThem) {
  const Model fp32(network());
  const auto table = calibrate(fp32, std::vector<Tensor>{random_batch(8, 1)});
  const Model model = quantize(fp32, table, {.scheme = "int8-a4"});
  const Model loaded = load(save_to_bytes(model));
  EXPECT_EQ(save_to_bytes(loaded), save_to_bytes(model));
  for (std::size_t v = 0; v < model.graph().values.size(); ++v)
    EXPECT_EQ(loaded.type(static_cast<ValueId>(v)).bits, model.type(static_cast<ValueId>(v)).bits);
}

}  // namespace
}  // namespace lowbit
