// SPDX-License-Identifier: Apache-2.0
// Training for codes: gradients are their formulas, and the integer model has the codes of the forward pass.
#include <gtest/gtest.h>

#include <cmath>

#include "finite_differences.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sequential.h"
#include "lowbit/train/losses.h"
#include "model/workspace.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

nn::Conv2d layer_of(Random& r, std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  return {.weight = Tensor(Shape{out, in, 3, 3}, random_values(r, out * in * 9, 0.4f)),
          .bias = random_values(r, out, 0.2f),
          .stride = stride,
          .padding = 1};
}

Model network_for_codes() {
  Random r(21);
  Sequential body(Shape{16, 8, 8});
  body.add(layer_of(r, 16, 16)).add(nn::Relu{}).add(layer_of(r, 16, 16));
  return Sequential({3, 16, 16})
      .add(layer_of(r, 3, 16, 2), "first")
      .add(nn::Relu{})
      .add_residual(body)
      .add(nn::Relu{})
      .add(nn::MaxPool2d{.kernel = 2})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = Tensor(Shape{7, 256}, random_values(r, 7 * 256, 0.3f)),
                      .bias = random_values(r, 7, 0.1f)},
           "last")
      .model();
}

Tensor inputs_for_codes(std::int64_t n, std::uint64_t seed) {
  Random r(seed);
  return Tensor(Shape{n, 3, 16, 16}, random_values(r, n * 768, 1.0f));
}

Model quantized_by(const Model& fp32, const Scheme& scheme, const Tensor& inputs) {
  const std::vector<TensorView> batches{inputs};
  return quantize(fp32, calibrate(fp32, batches), {.scheme = scheme});
}

void descend(Tape& tape, const Tensor& inputs, int steps, float rate) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < inputs.shape[0]; ++i) labels.push_back(i * 3 % 7);
  for (int step = 0; step < steps; ++step) {
    tape.forward(inputs);
    softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    tape.backward();
    for (const Parameter& p : tape.parameters())
      for (std::size_t i = 0; i < p.value.size(); ++i) p.value[i] -= rate * p.gradient[i];
  }
}

/// Elements of values in codes that differ from those of the tape's last pass, and all of them.
std::pair<std::size_t, std::size_t> different_codes(const Tape& tape, const Model& quantized,
                                                    const Tensor& inputs) {
  const std::int64_t batch = inputs.shape[0];
  Workspace::State state(quantized, {.batch = batch}, true);
  Workspace ignored(quantized, {.batch = batch});
  const ops::TensorArg& in = state.args()[static_cast<std::size_t>(quantized.graph().inputs[0])];
  const SampleLayout layout = in.type->layout();
  for (std::int64_t s = 0; s < batch; ++s)
    for (std::int64_t p = 0; p < layout.pixels(); ++p)
      for (std::int64_t c = 0; c < layout.channels; ++c)
        in.sample<float>(s)[p * layout.pixel_stride + c] =
            inputs.data[static_cast<std::size_t>((s * layout.channels + c) * layout.pixels() + p)];
  run_steps(state, batch);
  std::size_t differ = 0, all = 0;
  for (std::size_t v = 0; v < quantized.graph().values.size(); ++v) {
    const ops::TensorArg& value = state.args()[v];
    if (value.type->dtype != DType::u8) continue;
    const TensorView reals = tape.value(quantized.graph().values[v].name);
    const SampleLayout u8 = value.type->layout(), f32 = sample_layout(value.type->shape, DType::f32);
    for (std::int64_t s = 0; s < batch; ++s)
      for (std::int64_t p = 0; p < u8.pixels(); ++p)
        for (std::int64_t c = 0; c < u8.channels; ++c, ++all) {
          const float real = reals.data[s * reals.strides[0] + p * f32.pixel_stride + c];
          const auto code = static_cast<int>(std::lround(real / value.type->qparams.scale)) +
                            value.type->qparams.zero_point;
          differ += code != value.sample<std::uint8_t>(s)[p * u8.pixel_stride + c];
        }
  }
  return {differ, all};
}

class TrainedCodes : public ::testing::TestWithParam<const char*> {};

TEST_P(TrainedCodes, AreThoseOfTheIntegerModel) {
  const Model fp32 = network_for_codes();
  const Tensor inputs = inputs_for_codes(12, 5);
  for (const bool normalized : {false, true}) {
    TapeOptions options{.batch = 12};
    if (normalized) options.batch_norm = {"*"};
    Tape tape(fp32, quantized_by(fp32, GetParam(), inputs), options);
    if (normalized) tape.adopt_statistics(inputs);
    descend(tape, inputs, 3, 0.01f);
    const Model deployed = tape.quantized_model();
    tape.infer(inputs);
    const auto [differ, all] = different_codes(tape, deployed, inputs);
    EXPECT_GT(all, 40000u);
    EXPECT_LE(differ, all / 10000) << "of " << all;
    Tensor logits(Shape{12, 7});
    Workspace workspace(deployed, {.batch = 12});
    run(deployed, inputs, logits, workspace);
    const TensorView y = tape.output();
    for (std::int64_t i = 0; i < 12; ++i)
      for (std::int64_t c = 0; c < 7; ++c)
        EXPECT_NEAR(logits.data[static_cast<std::size_t>(i * 7 + c)], y.data[i * y.strides[0] + c], 0.05f);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, TrainedCodes,
                         ::testing::Values("int8", "int4", "int4-a4", "int3-a3", "int2-a2", "int2",
                                           "int4-tensor", "ternary", "binary", "ternary-a4", "ttq", "apot4",
                                           "kmeans2", "nf4-a4"),
                         [](const auto& c) {
                           std::string name = c.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// One product on exact inputs: what each step of backward() has to give is written out.
TEST(TrainedSteps, GradientsAreTheirFormulas) {
  Graph graph;
  Random r(31);
  ops::LinearOp op;
  op.weight = Tensor(Shape{3, 8}, random_values(r, 24, 1.0f));
  graph.inputs = {graph.add_value("x", Shape{8})};
  graph.outputs = {graph.add_node("fc", op, graph.inputs)};
  const Model fp32(graph);
  const Tensor inputs(Shape{5, 8}, random_values(r, 40, 1.0f));
  Tape tape(fp32, quantized_by(fp32, "int3-a4", inputs), {.batch = 5, .input_gradients = true});
  const auto parameter = [&](const std::string& name) {
    for (const Parameter& p : tape.parameters())
      if (p.name == name) return p;
    ADD_FAILURE() << "no parameter " << name;
    return Parameter{};
  };
  std::string activation;
  for (const Parameter& p : tape.parameters())
    if (p.kind == ParameterKind::log_step && p.name != "fc.log_step") activation = p.name;
  const Parameter weight = parameter("fc.weight"), weight_step = parameter("fc.log_step"),
                  input_step = parameter(activation);
  ASSERT_EQ(weight_step.value.size(), 3u);
  for (float& l : weight_step.value) l -= 0.5f;  // so that some weights lie outside
  input_step.value[0] -= 0.3f;
  tape.forward(inputs);
  const MutableTensorView g = tape.output_gradient();
  for (std::int64_t s = 0; s < 5; ++s)
    for (std::int64_t o = 0; o < 3; ++o) g.data[s * g.strides[0] + o] = static_cast<float>(s - o);
  tape.backward();

  const double sx = std::exp(static_cast<double>(input_step.value[0]));
  const Model deployed = tape.quantized_model();
  QParams q;
  for (std::size_t v = 0; v < deployed.graph().values.size(); ++v)
    if (deployed.type(static_cast<int>(v)).dtype == DType::u8) q = deployed.type(static_cast<int>(v)).qparams;
  const auto lo = static_cast<double>(-q.zero_point), hi = static_cast<double>(15 - q.zero_point);
  const auto code = [](double x, double low, double high) {
    return std::nearbyint(std::clamp(x, low, high));
  };
  double input_sum = 0;
  std::vector<double> weight_gradient(24), sums(3);
  std::size_t outside = 0;
  for (std::size_t o = 0; o < 3; ++o) {
    const double sw = std::exp(static_cast<double>(weight_step.value[o]));
    for (std::size_t i = 0; i < 8; ++i) {
      double used = 0;
      for (std::size_t s = 0; s < 5; ++s)
        used += (static_cast<double>(s) - static_cast<double>(o)) *
                code(static_cast<double>(inputs.data[s * 8 + i]) / sx, lo, hi) * sx;
      const double at = static_cast<double>(weight.value[o * 8 + i]) / sw, c = code(at, -4, 3);
      const bool is_in = at >= -4 && at <= 3;
      outside += !is_in;
      weight_gradient[o * 8 + i] = is_in ? used : 0;
      sums[o] += used * (is_in ? c - at : c);
    }
    EXPECT_NEAR(static_cast<double>(weight_step.gradient[o]), sw * sums[o] / std::sqrt(8.0 * 3.0), 1e-5);
  }
  EXPECT_GT(outside, 0u);
  for (std::size_t e = 0; e < 24; ++e)
    EXPECT_NEAR(static_cast<double>(weight.gradient[e]), weight_gradient[e], 1e-5) << e;
  for (std::size_t s = 0; s < 5; ++s)
    for (std::size_t i = 0; i < 8; ++i) {
      double gradient = 0;
      for (std::size_t o = 0; o < 3; ++o) {
        const double sw = std::exp(static_cast<double>(weight_step.value[o]));
        gradient += (static_cast<double>(s) - static_cast<double>(o)) *
                    code(static_cast<double>(weight.value[o * 8 + i]) / sw, -4, 3) * sw;
      }
      const double at = static_cast<double>(inputs.data[s * 8 + i]) / sx;
      const bool is_in = at >= lo && at <= hi;
      input_sum += gradient * (is_in ? code(at, lo, hi) - at : code(at, lo, hi));
      const TensorView dx = tape.input_gradient();
      EXPECT_NEAR(
          static_cast<double>(
              dx.data[static_cast<std::ptrdiff_t>(s) * dx.strides[0] + static_cast<std::ptrdiff_t>(i)]),
          is_in ? gradient : 0, 1e-5);
    }
  EXPECT_NEAR(static_cast<double>(input_step.gradient[0]), sx * input_sum / std::sqrt(8.0 * 15.0), 1e-5);
}

TEST(TrainedSteps, StayWhereTheyAreNotLearned) {
  const Model fp32 = network_for_codes();
  const Tensor inputs = inputs_for_codes(4, 6);
  Tape tape(fp32, quantized_by(fp32, "int4-a4", inputs),
            {.batch = 4,
             .fake_quantization = {.activations = ActivationSteps::fixed, .weights = WeightSteps::fixed}});
  for (const Parameter& p : tape.parameters()) EXPECT_NE(p.kind, ParameterKind::log_step) << p.name;
  const std::vector<float> before = tape.quantized_model().data().nodes[1].weights->scales;
  descend(tape, inputs, 2, 0.01f);
  EXPECT_EQ(tape.quantized_model().data().nodes[1].weights->scales, before);
}

TEST(TrainedCodesRefusals, NameTheLayer) {
  const Model fp32 = network_for_codes();
  const Tensor inputs = inputs_for_codes(4, 6);
  const auto refused = [&](const Scheme& scheme) {
    const Model quantized = quantized_by(fp32, scheme, inputs);
    return error_of([&] { Tape tape(fp32, quantized); }, ErrorCode::unsupported);
  };
  EXPECT_TRUE(says(refused("absmean"), {"\"first\" cannot be trained as absmean"}));
  EXPECT_TRUE(says(refused("int8-dynamic"), {"\"first\" cannot be trained as int8-dynamic"}));
  Random r(2);
  const Model other = Sequential({3, 16, 16}).add(layer_of(r, 3, 4), "other").model();
  const Model quantized = quantized_by(fp32, "int8", inputs);
  EXPECT_TRUE(says(error_of([&] { Tape tape(other, quantized); }, ErrorCode::invalid_argument),
                   {"no layer \"first\""}));
  EXPECT_TRUE(says(error_of([&] { Tape(fp32).quantized_model(); }, ErrorCode::invalid_argument),
                   {"without a quantized model"}));
}

}  // namespace
}  // namespace lowbit::testing
