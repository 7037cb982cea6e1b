// SPDX-License-Identifier: Apache-2.0
// Integer biases and rounded sums: what runtimes of ONNX compute, by plain integer loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/lowbit.h"
#include "lowbit/model/sequential.h"
#include "support/random.h"

namespace lowbit {
namespace {

Tensor gaussian_numbers(const Shape& shape, std::uint64_t seed, float scale = 1.0f) {
  testing::Random random(seed);
  Tensor t(shape);
  for (float& v : t.data) v = scale * random.gaussian();
  return t;
}

nn::Conv2d pointwise(std::int64_t out, std::int64_t in, std::uint64_t seed, std::int64_t groups = 1) {
  nn::Conv2d layer;
  layer.weight = gaussian_numbers({out, in / groups, 1, 1}, seed, 0.3f);
  layer.bias = gaussian_numbers({out}, seed + 1, 0.5f).data;
  layer.groups = groups;
  return layer;
}

/// A convolution, one by channels, a residual unit and a layer, on images of 4 x 4.
Model network_with_a_sum() {
  Sequential unit({6, 4, 4});
  unit.add(pointwise(6, 6, 3)).add(nn::Relu{}).add(pointwise(6, 6, 5));
  nn::Linear scores;
  scores.weight = gaussian_numbers({5, 96}, 7, 0.3f);
  scores.bias = gaussian_numbers({5}, 8).data;
  Sequential network({4, 4, 4});
  network.add(pointwise(6, 4, 1)).add(nn::Relu{}).add(pointwise(6, 6, 2, 6));
  network.add_residual(unit, "unit").add(nn::Relu{}).add(nn::Flatten{}).add(scores, "scores");
  return network.model();
}

const Tensor& some_images() {
  static const Tensor images = gaussian_numbers({16, 4, 4, 4}, 9);
  return images;
}

Model quantize_so(const Model& fp32, QuantizeOptions options) {
  return quantize(fp32, calibrate(fp32, std::vector<Tensor>{some_images()}), options);
}

std::vector<float> scores_of(const Model& model) {
  Workspace workspace(model, {.batch = 16});
  std::vector<float> out(16 * 5);
  run(model, TensorView(some_images().data.data(), some_images().shape),
      MutableTensorView(out.data(), Shape{16, 5}), workspace);
  return out;
}

const std::vector<float>& bias_of(const ops::Op& op) {
  static const std::vector<float> none;
  if (const auto* conv = std::get_if<ops::Conv2dOp>(&op)) return conv->bias;
  if (const auto* linear = std::get_if<ops::LinearOp>(&op)) return linear->bias;
  return none;
}

/// Of every column of a layer of codes with one scale a row.
std::vector<float> sum_steps(const Model& model, int node) {
  std::vector<float> steps = model.weights(node)->scales;
  for (float& s : steps)
    s = model.type(model.graph().nodes[static_cast<std::size_t>(node)].inputs[0]).qparams.scale * s;
  return steps;
}

TEST(RuntimeArithmetic, BiasesAreWholeSteps) {
  const Model fp32 = network_with_a_sum();
  const Model plain = quantize_so(fp32, {}), whole = quantize_so(fp32, {.integer_biases = true});
  ASSERT_EQ(whole.graph().nodes.size(), plain.graph().nodes.size());
  int layers = 0;
  for (int i = 0; i < static_cast<int>(whole.graph().nodes.size()); ++i) {
    const std::vector<float>& was = bias_of(plain.graph().nodes[static_cast<std::size_t>(i)].op);
    const std::vector<float>& is = bias_of(whole.graph().nodes[static_cast<std::size_t>(i)].op);
    if (was.empty()) continue;
    ++layers;
    const std::vector<float> steps = sum_steps(whole, i);
    for (std::size_t j = 0; j < is.size(); ++j) {
      const float number = std::nearbyint(is[j] / steps[j]);
      EXPECT_EQ(is[j], number * steps[j]) << i;
      EXPECT_LE(std::fabs(is[j] - was[j]), 0.5001f * steps[j]) << i;
    }
    EXPECT_NE(is, was);
    EXPECT_EQ(plain.weights(i)->codes, whole.weights(i)->codes);
  }
  EXPECT_EQ(layers, 5);
}

/// A layer without a bias has one of zeros, whose sums are scaled as with any other: by (steps / output
/// scale). Here that is a half, so that odd sums go to even codes, while steps * (1 / output scale) would be
/// less.
TEST(RuntimeArithmetic, NoBiasIsOneOfZeros) {
  constexpr float kSteps = 41.0f / (1 << 20), kOut = 82.0f / (1 << 20);
  ASSERT_EQ(kSteps / kOut, 0.5f);
  ASSERT_LT(kSteps * (1.0f / kOut), 0.5f);
  Tensor images(Shape{64, 2, 4, 4});
  for (std::size_t i = 0; i < images.data.size(); ++i)
    images.data[i] = i / 16 % 2 == 0 ? 0.0f : static_cast<float>(i / 32) / 256;
  for (const bool zeros : {true, false}) {
    nn::Conv2d layer;
    Tensor weight(Shape{1, 2, 1, 1});
    weight.data = {127 * 41.0f / 4096, 41.0f / 4096};
    layer.weight = weight;
    if (zeros) layer.bias = std::vector<float>{0.0f};
    Sequential network({2, 4, 4});
    network.add(layer).add(nn::MaxPool2d{}).add(nn::Flatten{});
    const Model fp32 = network.model();
    const std::string& input = fp32.graph().values[static_cast<std::size_t>(fp32.graph().inputs[0])].name;
    const RangePolicy ranges = [&](const std::string& value, int) {
      return Range{0.0f, 255 * (value == input ? 1.0f / 256 : kOut)};
    };
    const Model model = quantize(fp32, calibrate(fp32, std::vector<Tensor>{images}),
                                 {.ranges = ranges, .integer_biases = true});
    Workspace workspace(model, {.batch = 64});
    std::vector<float> out(64 * 4);
    run(model, TensorView(images.data.data(), images.shape), MutableTensorView(out.data(), Shape{64, 4}),
        workspace);
    for (std::size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(out[i], std::nearbyint(static_cast<float>(i / 4) * 0.5f) * kOut) << i;
  }
}

/// Sums, biases and the residual in 32 bits; one rounding of the product, one of the sum.
TEST(RuntimeArithmetic, IsThatOfIntegers) {
  const Model model = quantize_so(network_with_a_sum(), {.integer_biases = true, .rounded_sums = true});
  const Graph& graph = model.graph();
  const auto rounded = [](float x, const QParams& q, float lo) {
    const auto zero = static_cast<float>(q.zero_point);
    return std::nearbyint(std::clamp(x, std::max(lo, -zero), 255.0f - zero)) + zero;
  };
  int sums = 0, products = 0;
  Workspace workspace(model);
  std::vector<float> reals(5);
  std::vector<std::vector<float>> values(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    const ValueType& type = model.type(node.output);
    std::vector<float>& out = values[static_cast<std::size_t>(node.output)];
    out.resize(static_cast<std::size_t>(type.shape.elements()));
    const auto& in = [&](std::size_t n) -> const std::vector<float>& {
      return values[static_cast<std::size_t>(node.inputs[n])];
    };
    const QParams q = model.type(node.inputs[0]).qparams;
    if (std::holds_alternative<ops::QuantizeOp>(node.op)) {
      for (std::size_t e = 0; e < out.size(); ++e)
        out[e] = rounded(some_images().data[e] * (1.0f / type.qparams.scale), type.qparams, -1e9f);
    } else if (const auto* conv = std::get_if<ops::Conv2dOp>(&node.op)) {
      ASSERT_EQ(node.inputs.size(), 1u);
      const QuantizedMatrix w = *model.weights(static_cast<int>(i));
      const std::vector<float> steps = sum_steps(model, static_cast<int>(i));
      ++products;
      for (std::int64_t o = 0; o < w.rows; ++o)
        for (std::int64_t p = 0; p < 16; ++p) {
          const auto row = static_cast<std::size_t>(o);
          auto sum = static_cast<std::int32_t>(std::nearbyint(conv->bias[row] / steps[row]));
          for (std::int64_t c = 0; c < w.cols; ++c) {
            const std::int64_t channel = conv->groups > 1 ? o : c;
            sum +=
                w.code(o, c) *
                (static_cast<std::int32_t>(in(0)[static_cast<std::size_t>(channel * 16 + p)]) - q.zero_point);
          }
          out[static_cast<std::size_t>(o * 16 + p)] = rounded(
              static_cast<float>(sum) * (steps[row] / type.qparams.scale), type.qparams, conv->activation.lo);
        }
    } else if (const auto* add = std::get_if<ops::AddOp>(&node.op)) {
      ++sums;
      const QParams b = model.type(node.inputs[1]).qparams;
      for (std::size_t e = 0; e < out.size(); ++e)
        out[e] = rounded((in(0)[e] - static_cast<float>(q.zero_point)) * (q.scale / type.qparams.scale) +
                             (in(1)[e] - static_cast<float>(b.zero_point)) * (b.scale / type.qparams.scale),
                         type.qparams, add->activation.lo);
    } else if (std::holds_alternative<ops::FlattenOp>(node.op)) {
      out = in(0);
    } else if (const auto* linear = std::get_if<ops::LinearOp>(&node.op)) {
      const QuantizedMatrix w = *model.weights(static_cast<int>(i));
      const std::vector<float> steps = sum_steps(model, static_cast<int>(i));
      for (std::int64_t o = 0; o < w.rows; ++o) {
        std::int32_t sum = 0;
        for (std::int64_t c = 0; c < w.cols; ++c)
          sum +=
              w.code(o, c) * (static_cast<std::int32_t>(in(0)[static_cast<std::size_t>(c)]) - q.zero_point);
        const auto row = static_cast<std::size_t>(o);
        reals[row] = static_cast<float>(sum) * steps[row] + linear->bias[row];
      }
    } else {
      FAIL() << node.name;
    }
  }
  EXPECT_EQ(sums, 1);
  EXPECT_EQ(products, 4);
  std::vector<float> got(5);
  run(model, TensorView(some_images().data.data(), Shape{4, 4, 4}), MutableTensorView(got.data(), Shape{5}),
      workspace);
  EXPECT_EQ(got, reals);
}

TEST(RuntimeArithmetic, IsKeptInFiles) {
  const Model model =
      quantize_so(network_with_a_sum(), {.scheme = "int6", .integer_biases = true, .rounded_sums = true});
  const Model again = load(save_to_bytes(model));
  EXPECT_EQ(scores_of(again), scores_of(model));
  EXPECT_EQ(save_to_bytes(again), save_to_bytes(model));
  EXPECT_NE(scores_of(model), scores_of(quantize_so(network_with_a_sum(), {.scheme = "int6"})));
}

TEST(RuntimeArithmetic, IsAsNearToTheFloats) {
  const Model fp32 = network_with_a_sum();
  const std::vector<float> expected = scores_of(fp32);
  const auto sqnr = [&](const Model& model) {
    const std::vector<float> got = scores_of(model);
    return measure_error(MatrixView(expected.data(), 16, 5), MatrixView(got.data(), 16, 5)).sqnr_db;
  };
  const double plain = sqnr(quantize_so(fp32, {}));
  EXPECT_GT(sqnr(quantize_so(fp32, {.integer_biases = true})), plain - 0.5);
  EXPECT_GT(sqnr(quantize_so(fp32, {.integer_biases = true, .rounded_sums = true})), plain - 4);
}

/// Scales that the sums of a row do not share, or that are not known yet, leave biases alone.
TEST(RuntimeArithmetic, LeavesOtherLayersAlone) {
  const Model fp32 = network_with_a_sum();
  for (const char* scheme : {"int8-dynamic", "int8-wo", "fp32"}) {
    SCOPED_TRACE(scheme);
    const Model plain = quantize_so(fp32, {.scheme = scheme});
    const Model other = quantize_so(fp32, {.scheme = scheme, .integer_biases = true, .rounded_sums = true});
    EXPECT_EQ(save_to_bytes(plain), save_to_bytes(other));
  }
  const Model grouped = quantize_so(fp32, {.scheme = "int4-g32", .integer_biases = true});
  EXPECT_EQ(bias_of(grouped.graph().nodes.back().op), bias_of(fp32.graph().nodes.back().op));
}

/// A bias of more steps than a float can count stays what it was.
TEST(RuntimeArithmetic, LargeBiases) {
  Sequential network({4, 4, 4});
  nn::Conv2d layer = pointwise(3, 4, 1);
  layer.bias = std::vector<float>{1e6f, -1e6f, 0.25f};
  nn::Conv2d second = pointwise(5, 3, 6);
  second.weight = gaussian_numbers({5, 3, 1, 1}, 6, 1e-7f);
  network.add(layer).add(second).add(nn::GlobalAveragePool2d{}).add(nn::Flatten{});
  const Model fp32 = network.model();
  const Model plain = quantize_so(fp32, {}), whole = quantize_so(fp32, {.integer_biases = true});
  const std::vector<float> a = scores_of(plain), b = scores_of(whole);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 0.02f) << i;
}

}  // namespace
}  // namespace lowbit
