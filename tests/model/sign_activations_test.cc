// SPDX-License-Identifier: Apache-2.0
// Sign activations: models with a binary-a1 scheme against an interpreter in double that is given the signs,
// with padding of +1, and the weights that the codes stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/layers/ops.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantizer.h"
#include "support/graph_interpreter.h"
#include "support/put_weights.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;
using testing::Sample;

ops::Conv2dOp conv(std::int64_t in, std::int64_t out, std::int64_t groups, std::int64_t kernel,
                   Random& random) {
  ops::Conv2dOp c = testing::random_conv(in, out, kernel, groups, random);
  c.window.pad.fill(kernel / 2);
  return c;
}

Graph network() {
  Random random(5);
  Graph g;
  const ValueId image = g.add_value("image", Shape{3, 9, 11});
  g.inputs = {image};
  const ValueId a = g.add_node("first", conv(3, 40, 1, 3, random), {image});
  const ValueId b = g.add_node("residual", conv(40, 40, 1, 3, random), {a, a});
  ops::Conv2dOp grouped = conv(40, 12, 2, 3, random);
  grouped.window.stride = {2, 2};
  const ValueId c = g.add_node("grouped", grouped, {b});
  const ValueId d = g.add_node("depthwise", conv(12, 12, 12, 3, random), {c});
  const ValueId e = g.add_node("pointwise", conv(12, 12, 1, 1, random), {d});
  const ValueId f = g.add_node("flatten", ops::FlattenOp{}, {e});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{10, 12 * 5 * 6});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {f})};
  infer_shapes(g);
  return g;
}

Tensor random_batch(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor t(Shape{count, 3, 9, 11});
  for (float& v : t.data) v = random.gaussian();
  return t;
}

double mean_magnitude(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += std::abs(v);
  return sum / static_cast<double>(x.size());
}

/// Signs times `scale`, with a border of `pad` that counts as positive.
Sample signs_of(const Sample& x, std::int64_t pad, double scale) {
  if (x.shape.rank() != 3) {
    Sample s{x.shape, x.data};
    for (double& v : s.data) v = v < 0 ? -scale : scale;
    return s;
  }
  const std::int64_t channels = x.shape[0], height = x.shape[1], width = x.shape[2];
  Sample s{Shape{channels, height + 2 * pad, width + 2 * pad}, {}};
  s.data.assign(static_cast<std::size_t>(s.shape.elements()), scale);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t i = 0; i < width; ++i)
        if (x.data[static_cast<std::size_t>((c * height + y) * width + i)] < 0)
          s.data[static_cast<std::size_t>((c * s.shape[1] + y + pad) * s.shape[2] + i + pad)] = -scale;
  return s;
}

/// The node with the weights that its codes stand for, on signs.
Sample sign_product(const Graph::Node& node, const QuantizedMatrix& weights, const std::vector<Sample>& in,
                    bool dynamic) {
  ops::Op op = node.op;
  testing::put_weights(op, weights);
  std::int64_t pad = 0;
  if (auto* c = std::get_if<ops::Conv2dOp>(&op)) {
    pad = c->window.pad[0];
    c->window.pad.fill(0);
  }
  std::vector<Sample> inputs = in;
  inputs[0] = signs_of(in[0], pad, dynamic ? mean_magnitude(in[0].data) : 1.0);
  Graph one;
  for (const Sample& s : inputs) one.inputs.push_back(one.add_value("input", s.shape));
  one.outputs = {one.add_node("node", op, one.inputs)};
  return testing::interpret(one, inputs)[0];
}

std::vector<double> oracle(const Model& model, const float* image) {
  const Graph& graph = model.graph();
  std::vector<Sample> values(graph.values.size());
  values[0] = {model.input_shape(), std::vector<double>(image, image + 297)};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    std::vector<Sample> in;
    for (const ValueId id : node.inputs) in.push_back(values[static_cast<std::size_t>(id)]);
    const auto weights = model.weights(static_cast<int>(i));
    Sample& out = values[static_cast<std::size_t>(node.output)];
    if (weights) {
      out = sign_product(node, *weights, in, model.quantization(static_cast<int>(i)).scheme.dynamic);
      continue;
    }
    Graph one;
    for (const Sample& s : in) one.inputs.push_back(one.add_value("input", s.shape));
    one.outputs = {one.add_node("node", node.op, one.inputs)};
    out = testing::interpret(one, in)[0];
  }
  return values[static_cast<std::size_t>(graph.outputs[0])].data;
}

std::vector<float> outputs(const Model& model, const Tensor& in, std::int64_t batch, int threads) {
  const std::int64_t count = in.shape[0];
  Workspace workspace(model, {.batch = batch, .threads = threads});
  std::vector<float> out(static_cast<std::size_t>(count * 10));
  for (std::int64_t i = 0; i < count; i += batch)
    run(model, TensorView(in.data.data() + i * 297, Shape{batch, 3, 9, 11}),
        MutableTensorView(out.data() + i * 10, Shape{batch, 10}), workspace);
  return out;
}

class SignActivations : public ::testing::TestWithParam<const char*> {
 protected:
  static Model model() {
    const Model fp32(network());
    if (parse_scheme(GetParam()).dynamic) return quantize(fp32, {.scheme = GetParam()});
    return quantize(fp32, calibrate(fp32, std::vector<Tensor>{random_batch(8, 1)}), {.scheme = GetParam()});
  }
};

TEST_P(SignActivations, EqualTheInterpreterOnSigns) {
  const Model m = model();
  const Tensor in = random_batch(6, 3);
  const std::vector<float> out = outputs(m, in, 6, 1);
  double error = 0, power = 0;
  for (std::size_t b = 0; b < 6; ++b) {
    const std::vector<double> expected = oracle(m, in.data.data() + b * 297);
    for (std::size_t i = 0; i < 10; ++i) {
      error += std::pow(expected[i] - double(out[b * 10 + i]), 2);
      power += std::pow(expected[i], 2);
    }
  }
  EXPECT_LT(std::sqrt(error / power), 1e-5);
}

TEST_P(SignActivations, RunOnTheKernelsOfSignBits) {
  const Model m = model();
  for (int i = 0; i < static_cast<int>(m.graph().nodes.size()); ++i)
    EXPECT_EQ(m.quantization(i).weights.has_value(), m.kernel(i).starts_with("b1b1/"));
  EXPECT_EQ(fallback_count(m), 0);
  EXPECT_NE(describe_coverage(m).find(std::string("6 of 7 layers ") + GetParam()), std::string::npos)
      << describe_coverage(m);
}

TEST_P(SignActivations, ThreadsBatchesAndFilesDoNotChangeTheBits) {
  const Model m = model();
  const Tensor in = random_batch(12, 4);
  const std::vector<float> expected = outputs(m, in, 1, 1);
  EXPECT_EQ(outputs(m, in, 12, 1), expected);
  EXPECT_EQ(outputs(m, in, 4, 3), expected);
  const std::vector<std::byte> file = save_to_bytes(m);
  const Model loaded = load(file);
  EXPECT_EQ(outputs(loaded, in, 4, 1), expected);
  EXPECT_EQ(save_to_bytes(loaded), file);
}

INSTANTIATE_TEST_SUITE_P(Schemes, SignActivations,
                         ::testing::Values("binary-a1", "binary3-a1", "binary-a1-dynamic",
                                           "binary2-a1-dynamic"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(SignActivations, NeedTheDistributionOfTheirInput) {
  const Model fp32(network());
  const auto table = calibrate(fp32, std::vector<Tensor>{random_batch(2, 1)}, {.distributions = false});
  try {
    static_cast<void>(quantize(fp32, table, {.scheme = "binary-a1"}));
    FAIL() << "a scale without a distribution";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("'image'"), std::string::npos) << e.what();
  }
}

TEST(SignActivations, ScaleWeightsByTheMeanMagnitudeOfTheCalibration) {
  const Model fp32(network());
  const Tensor seen = random_batch(8, 1);
  double mean = 0;
  for (const float x : seen.data) mean += std::abs(double(x)) / double(seen.data.size());
  const Model fixed = quantize(fp32, calibrate(fp32, std::vector<Tensor>{seen}), {.scheme = "binary-a1"}),
              dynamic = quantize(fp32, {.scheme = "binary-a1-dynamic"});
  const QuantizedMatrix with = *fixed.weights(0), without = *dynamic.weights(0);
  ASSERT_EQ(with.scales.size(), 40u);
  EXPECT_EQ(with.codes, without.codes);
  for (std::size_t i = 0; i < 40; ++i)
    EXPECT_NEAR(double(with.scales[i]) / double(without.scales[i]), mean, 0.004 * mean);
}

TEST(SignActivations, TakeFloatsAndNotCodes) {
  ValueType in{Shape{8}, DType::u8, {0.1f, 3}}, out{Shape{2}, DType::f32, {}};
  QuantizedMatrix weights =
      quantize(MatrixView(std::vector<float>(16, 1.0f).data(), 2, 8), make_quantizer("binary-a1"));
  ops::LinearOp fc;
  fc.weight.shape = Shape{2, 8};
  const ops::StepSpec spec{.inputs = {&in}, .output = &out, .weights = &weights, .signs = true};
  try {
    static_cast<void>(ops::make_step(fc, spec));
    FAIL() << "the signs of codes";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
  }
  in.dtype = DType::f32;
  EXPECT_TRUE(ops::make_step(fc, spec)->kernel().starts_with("b1b1/"));
}

// Of random weights and inputs: integers and separate roundings only, so that every CPU gives these bits.
TEST(SignActivations, GiveTheSameBitsEverywhere) {
  const Model fp32(network());
  const Tensor in = random_batch(6, 7);
  const auto hash = [&](const Model& m) {
    const std::vector<float> out = outputs(m, in, 3, 2);
    return testing::fnv1a(out.data(), out.size() * sizeof(float));
  };
  EXPECT_EQ(hash(quantize(fp32, {.scheme = "binary-a1-dynamic"})), 14412939578647320794u);
  EXPECT_EQ(hash(quantize(fp32, {.scheme = "binary3-a1-dynamic"})), 7179685891884103277u);
}

}  // namespace
}  // namespace lowbit
