// SPDX-License-Identifier: Apache-2.0
// Activations of one sign: gradients are their formulas, and the quantized model does what the tape did.
#include <gtest/gtest.h>

#include <cmath>

#include "finite_differences.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sequential.h"
#include "lowbit/train/block_reconstruction.h"
#include "lowbit/train/losses.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

nn::Conv2d conv_of(Random& r, std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  return {.weight = Tensor(Shape{out, in, 3, 3}, random_values(r, out * in * 9, 0.4f)),
          .bias = random_values(r, out, 0.2f),
          .stride = stride,
          .padding = 1};
}

/// Without ReLUs: there are signs of both kinds everywhere.
Model network_for_signs() {
  Random r(41);
  return Sequential({3, 9, 9})
      .add(conv_of(r, 3, 8), "first")
      .add(conv_of(r, 8, 12, 2), "second")
      .add(nn::MaxPool2d{.kernel = 2})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = Tensor(Shape{10, 48}, random_values(r, 480, 0.3f)),
                      .bias = random_values(r, 10, 0.1f)},
           "third")
      .add(nn::Linear{.weight = Tensor(Shape{5, 10}, random_values(r, 50, 0.3f)),
                      .bias = random_values(r, 5, 0.1f)},
           "last")
      .model();
}

Model with_signs(const Model& fp32, const std::string& scheme, const Tensor& inputs) {
  const std::vector<TensorView> batches{inputs};
  return quantize(fp32, calibrate(fp32, batches),
                  {.scheme = scheme, .overrides = {{"first", "int8"}, {"last", "int8"}}});
}

struct SignCase {
  const char* scheme;
  bool normalizes;
};

class TrainedSigns : public ::testing::TestWithParam<SignCase> {};

TEST_P(TrainedSigns, AreThoseOfTheQuantizedModel) {
  const Model fp32 = network_for_signs();
  Random r(42);
  const Tensor inputs(Shape{10, 3, 9, 9}, random_values(r, 10 * 243, 1.0f));
  TapeOptions options{.batch = 10};
  if (GetParam().normalizes) options.batch_norm = {"*"};
  const Model begun = with_signs(fp32, GetParam().scheme, inputs);
  Tape tape(fp32, begun, options);
  const auto compare = [&](const Model& deployed) {
    tape.infer(inputs);
    Tensor got(Shape{10, 5});
    Workspace workspace(deployed, {.batch = 10});
    run(deployed, inputs, got, workspace);
    const TensorView y = tape.output();
    std::int64_t differ = 0;
    for (std::int64_t i = 0; i < 10; ++i)
      for (std::int64_t c = 0; c < 5; ++c)
        differ +=
            std::fabs(got.data[static_cast<std::size_t>(i * 5 + c)] - y.data[i * y.strides[0] + c]) > 1e-3f;
    EXPECT_LE(differ, 1);
  };
  if (GetParam().normalizes) {
    tape.adopt_statistics(inputs);
  } else {
    compare(tape.quantized_model());
  }
  const std::vector<std::int64_t> labels{0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
  double first = 0, last = 0;
  for (int step = 0; step < 12; ++step) {
    tape.forward(inputs);
    last = softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    if (step == 0) first = last;
    tape.backward();
    for (const Parameter& p : tape.parameters())
      for (std::size_t i = 0; i < p.value.size(); ++i) p.value[i] -= 0.02f * p.gradient[i];
  }
  EXPECT_LT(last, first);
  const Model trained = tape.quantized_model();
  compare(trained);
  EXPECT_EQ(trained.scheme(), begun.scheme());
}

INSTANTIATE_TEST_SUITE_P(Schemes, TrainedSigns,
                         ::testing::Values(SignCase{"binary-a1", false}, SignCase{"binary-a1", true},
                                           SignCase{"binary-a1-dynamic", false},
                                           SignCase{"binary-a1-dynamic", true}));

/// One product: gradients are written out.
void expect_formulas(const std::string& scheme, SignGradient how) {
  Graph graph;
  Random r(43);
  ops::LinearOp op;
  op.weight = Tensor(Shape{3, 8}, random_values(r, 24, 1.0f));
  graph.inputs = {graph.add_value("x", Shape{8})};
  graph.outputs = {graph.add_node("fc", op, graph.inputs)};
  const Model fp32(graph);
  const Tensor inputs(Shape{5, 8}, random_values(r, 40, 1.0f));
  const std::vector<TensorView> batches{inputs};
  Tape tape(fp32, quantize(fp32, calibrate(fp32, batches), {.scheme = scheme}),
            {.batch = 5, .fake_quantization = {.signs = how}, .input_gradients = true});
  tape.forward(inputs);
  const MutableTensorView g = tape.output_gradient();
  for (std::int64_t s = 0; s < 5; ++s)
    for (std::int64_t o = 0; o < 3; ++o) g.data[s * g.strides[0] + o] = static_cast<float>(s - o);
  tape.backward();
  const Parameter *weight = nullptr, *step = nullptr;
  for (const Parameter& p : tape.parameters()) (p.name == "fc.weight" ? weight : step) = &p;
  ASSERT_NE(weight, nullptr);
  const bool is_dynamic = scheme.ends_with("dynamic");
  ASSERT_EQ(step == nullptr, is_dynamic);
  std::vector<double> used(24);
  for (std::size_t o = 0; o < 3; ++o) {
    double mean = 0;
    for (std::size_t i = 0; i < 8; ++i) mean += std::fabs(static_cast<double>(weight->value[o * 8 + i])) / 8;
    for (std::size_t i = 0; i < 8; ++i) used[o * 8 + i] = weight->value[o * 8 + i] < 0 ? -mean : mean;
  }
  double step_sum = 0;
  for (std::size_t s = 0; s < 5; ++s) {
    double scale = 0, dot = 0;
    std::vector<double> arrives(8);
    for (std::size_t i = 0; i < 8; ++i) {
      const auto x = static_cast<double>(inputs.data[s * 8 + i]);
      scale += std::fabs(x) / 8;
      for (std::size_t o = 0; o < 3; ++o)
        arrives[i] += (static_cast<double>(s) - static_cast<double>(o)) * used[o * 8 + i];
      dot += x < 0 ? -arrives[i] : arrives[i];
    }
    step_sum += dot;
    if (!is_dynamic) scale = std::exp(static_cast<double>(step->value[0]));
    for (std::size_t i = 0; i < 8; ++i) {
      const double u = static_cast<double>(inputs.data[s * 8 + i]) / scale;
      const double slope =
          how == SignGradient::clipped ? (std::fabs(u) <= 1 ? 1 : 0) : std::max(0.0, 2 - 2 * std::fabs(u));
      const double share = is_dynamic ? dot / 8 * (u < 0 ? -1 : 1) : 0;
      const TensorView dx = tape.input_gradient();
      EXPECT_NEAR(
          static_cast<double>(
              dx.data[static_cast<std::ptrdiff_t>(s) * dx.strides[0] + static_cast<std::ptrdiff_t>(i)]),
          arrives[i] * slope + share, 1e-5);
    }
  }
  if (!is_dynamic) {
    EXPECT_NEAR(static_cast<double>(step->gradient[0]),
                std::exp(static_cast<double>(step->value[0])) * step_sum / std::sqrt(8.0), 1e-5);
  }
}

TEST(SignGradients, AreTheirFormulas) {
  for (const char* scheme : {"binary-a1", "binary-a1-dynamic"})
    for (const SignGradient how : {SignGradient::polynomial, SignGradient::clipped}) {
      SCOPED_TRACE(scheme);
      expect_formulas(scheme, how);
    }
}

TEST(SignGradients, SameBitsForAnyNumberOfThreads) {
  const Model fp32 = network_for_signs();
  Random r(44);
  const Tensor inputs(Shape{10, 3, 9, 9}, random_values(r, 10 * 243, 1.0f));
  const Model begun = with_signs(fp32, "binary-a1", inputs);
  std::vector<std::vector<float>> expected;
  for (const int threads : {1, 3}) {
    Tape tape(fp32, begun, {.batch = 10, .threads = threads});
    tape.forward(inputs);
    const std::vector<std::int64_t> labels{0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    tape.backward();
    std::vector<std::vector<float>> got;
    for (const Parameter& p : tape.parameters()) got.emplace_back(p.gradient.begin(), p.gradient.end());
    if (threads == 1) expected = got;
    EXPECT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace lowbit::testing
