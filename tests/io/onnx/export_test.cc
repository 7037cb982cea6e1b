// SPDX-License-Identifier: Apache-2.0
// Models written as ONNX and read again: the same network, the same codes.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "io/onnx/open_networks.h"
#include "io/onnx/open_runs.h"
#include "lowbit/io/onnx/export.h"
#include "lowbit/lowbit.h"
#include "lowbit/model/sequential.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

Tensor random_tensor(const Shape& shape, std::uint64_t seed, float scale = 1.0f) {
  Random random(seed);
  Tensor t(shape);
  for (float& v : t.data) v = scale * random.gaussian();
  return t;
}

std::vector<float> bias_of(std::int64_t size, std::uint64_t seed) {
  return random_tensor(Shape{size}, seed).data;
}

nn::Conv2d conv(std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t groups = 1) {
  const auto seed = static_cast<std::uint64_t>(out + 7 * in + kernel);
  nn::Conv2d layer;
  layer.weight = random_tensor({out, in / groups, kernel, kernel}, seed, 0.3f);
  layer.bias = bias_of(out, seed);
  layer.padding = kernel / 2;
  layer.groups = groups;
  return layer;
}

nn::Linear linear(std::int64_t out, std::int64_t in) {
  nn::Linear layer;
  layer.weight = random_tensor({out, in}, static_cast<std::uint64_t>(out * in), 0.3f);
  layer.bias = bias_of(out, 3);
  return layer;
}

/// Convolutions of all kinds, a residual unit, pools, a layer that takes an image.
Model image_network() {
  Sequential body({8, 10, 10});
  body.add(conv(8, 8, 3, 8)).add(nn::Relu6{}).add(conv(8, 8, 1));
  Sequential network({3, 10, 10});
  network.add(conv(8, 3, 3)).add(nn::Relu{}).add_residual(body, "unit").add(nn::Relu{});
  network.add(nn::MaxPool2d{}).add(conv(6, 8, 3, 2)).add(nn::HardSwish{});
  network.add(nn::Flatten{}).add(linear(12, 150)).add(nn::Relu{}).add(linear(5, 12), "scores");
  return network.model("net.onnx");
}

/// Three layers on vectors.
Model layers_network() {
  Sequential network({64});
  network.add(linear(48, 64)).add(nn::Relu{}).add(linear(32, 48)).add(nn::Relu{}).add(linear(5, 32));
  return network.model();
}

Model read_again(const Model& model, OnnxForm form = OnnxForm::qdq) {
  return load_onnx(export_onnx_to_bytes(model, {.form = form}));
}

/// Sample by sample: what comes back may be a network without a batch.
std::vector<float> outputs_of(const Model& model, const Tensor& samples) {
  Workspace workspace(model);
  const std::int64_t size = model.input_shape().elements(), out_size = model.output_shape().elements();
  std::vector<float> out(static_cast<std::size_t>(samples.shape[0] * out_size));
  for (std::int64_t i = 0; i < samples.shape[0]; ++i)
    run(model, TensorView(samples.data.data() + i * size, model.input_shape()),
        MutableTensorView(out.data() + i * out_size, model.output_shape()), workspace);
  return out;
}

/// In decibel.
double sqnr(const std::vector<float>& expected, const std::vector<float>& got) {
  double signal = 1e-30, noise = 1e-30;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    signal += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    noise += std::pow(static_cast<double>(expected[i]) - static_cast<double>(got[i]), 2);
  }
  return 10 * std::log10(signal / noise);
}

Model quantized(const Model& fp32, const Tensor& samples, const Scheme& scheme) {
  return quantize(fp32, calibrate(fp32, std::vector<Tensor>{samples}), {.scheme = scheme});
}

/// The layers of weights, in order.
std::vector<QuantizedMatrix> all_weights(const Model& model) {
  std::vector<QuantizedMatrix> all;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i)
    if (const auto weights = model.weights(i)) all.push_back(*weights);
  return all;
}

TEST(ExportOnnx, FloatNetworksComeBackAsTheyWere) {
  const Model images = image_network();
  const Tensor samples = random_tensor({4, 3, 10, 10}, 5);
  EXPECT_EQ(outputs_of(read_again(images), samples), outputs_of(images, samples));
  EXPECT_EQ(read_again(images).graph().values[static_cast<std::size_t>(images.graph().outputs[0])].name,
            "scores");
}

TEST(ExportOnnx, FunctionsAndMovement) {
  Sequential network({4, 6, 8});
  ops::FunctionOp scaled;
  scaled.function = ops::Function::elu;
  scaled.alpha = 0.5f, scaled.scale_after = 2.0f, scaled.shift_after = -0.25f;
  ops::BinaryOp less;
  less.function = ops::BinaryFunction::sub;
  less.constant = random_tensor({1, 6, 1}, 2);
  less.constant_first = true;
  network.add(ops::Op(scaled)).add(nn::Gelu{}).add(ops::Op(less)).add(nn::LeakyRelu{}).add(nn::Silu{});
  network.add(ops::Op(ops::PadOp{{0, 1, 0}, {1, 0, 2}, 0.5f}));
  network.add(ops::Op(ops::SliceOp{{1, 0, 1}, {1, 2, 1}, {4, 3, 8}}));
  network.add(ops::Op(ops::LrnOp{3, 0.1f, 0.75f, 1.0f})).add(nn::AveragePool2d{.kernel = 2, .padding = 1});
  network.add(nn::LayerNorm{}).add(ops::Op(ops::TransposeOp{{2, 0, 1}})).add(nn::Tanh{});
  network.add(ops::Op(ops::ReduceOp{ops::Reduction::l2, {1}, false})).add(nn::Softmax{}).add(nn::Flatten{});
  const Model model = network.model();
  const Tensor samples = random_tensor({1, 4, 6, 8}, 9);
  EXPECT_GT(sqnr(outputs_of(model, samples), outputs_of(read_again(model), samples)), 110);
}

TEST(ExportOnnx, QuantizedNetworksComeBackWithTheirCodes) {
  const Model fp32 = image_network();
  const Tensor samples = random_tensor({30, 3, 10, 10}, 6);
  const Model model = quantized(fp32, samples, "int8"), again = read_again(model);
  EXPECT_EQ(fallback_count(again), 0) << describe_coverage(again);
  const std::vector<QuantizedMatrix> ours = all_weights(model), theirs = all_weights(again);
  ASSERT_EQ(ours.size(), 6u);
  ASSERT_EQ(theirs.size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].codes, theirs[i].codes) << i;
    EXPECT_EQ(ours[i].scales, theirs[i].scales) << i;
  }
  EXPECT_GT(sqnr(outputs_of(model, samples), outputs_of(again, samples)), 35);
  // A ConvInteger whose sums are added to in floats comes back as such.
  const Model exact = load_onnx(export_onnx_to_bytes(model, {.exact_sums = true}));
  EXPECT_GT(sqnr(outputs_of(model, samples), outputs_of(exact, samples)), 35);
  EXPECT_GT(sqnr(outputs_of(fp32, samples), outputs_of(read_again(model, OnnxForm::fp32), samples)), 30);
  EXPECT_FALSE(read_again(model, OnnxForm::fp32).is_quantized());
}

TEST(ExportOnnx, EveryFamilyOfWeightsKeepsItsValues) {
  const Model fp32 = layers_network();
  const Tensor samples = random_tensor({40, 64}, 7), one = random_tensor({1, 64}, 8);
  for (const char* scheme : {"int8", "int8-asym", "int4", "int4-g32", "ternary", "binary", "kmeans4", "apot4",
                             "int8-dynamic", "int8-wo", "int4-wo", "int4-g16-wo", "int4-g32-asym-wo",
                             "int8-g32-wo", "kmeans4-wo", "binary2-wo", "int4-g32-dynamic"})
    for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::nbits, OnnxForm::fp32}) {
      SCOPED_TRACE(::testing::Message() << scheme << " form " << static_cast<int>(form));
      const Model model = quantized(fp32, samples, scheme);
      const Model again = read_again(model, form);
      // Ranges that are found at run time are a tensor's there: one sample has the same.
      EXPECT_GT(sqnr(outputs_of(model, one), outputs_of(again, one)), 30);
    }
}

TEST(ExportOnnx, WeightsAloneKeepTheirCodesInBlocks) {
  const Model fp32 = layers_network();
  const Tensor samples = random_tensor({20, 64}, 7);
  for (const char* scheme : {"int4-g16-wo", "int4-g32-asym-wo", "int8-g32-wo"})
    for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::nbits}) {
      SCOPED_TRACE(::testing::Message() << scheme << " form " << static_cast<int>(form));
      const Model model = quantized(fp32, samples, scheme);
      const std::vector<float> expected = outputs_of(model, samples);
      EXPECT_GT(sqnr(expected, outputs_of(read_again(model, form), samples)), 90);
    }
}

/// Transformers, recurrent cells and others, as their files have them.
TEST(ExportOnnx, NetworksOfFiles) {
  for (const std::string& name : open_network_names()) {
    SCOPED_TRACE(name);
    const OpenNetwork network = open_network(name);
    const Sizes& sizes = network.sizes.at(0);
    const std::int64_t batch = network.has_batch ? sizes.at(0) : 1;
    const Model model = load_fixed(network, sizes), again = read_again(model);
    const Arrays in = random_inputs(network, sizes);
    const Arrays expected = arrays_of(model, in, batch), got = arrays_of(again, in, batch);
    ASSERT_EQ(expected.size(), got.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_GT(sqnr(expected[i].floats, got[i].floats), 100) << i;
  }
}

TEST(ExportOnnx, RefusesWhatOnnxCannotSay) {
  const Model fp32 = layers_network();
  const Tensor samples = random_tensor({20, 64}, 7);
  EXPECT_TRUE(says(
      error_of([&] { export_onnx_to_bytes(quantized(fp32, samples, "binary-a1")); }, ErrorCode::unsupported),
      {"linear", "activations are signs"}));
  EXPECT_TRUE(says(error_of([&] { export_onnx(fp32, "/no/such/folder/net.onnx"); }, ErrorCode::not_found),
                   {"/no/such/folder"}));
  EXPECT_TRUE(says(error_of([&] { export_onnx_to_bytes(load_open(open_network(open_network_names()[0]))); },
                            ErrorCode::unsupported),
                   {"open dimensions", "with that dimension fixed"}));
}

}  // namespace
}  // namespace lowbit::testing
