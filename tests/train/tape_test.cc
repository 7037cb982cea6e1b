// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/tape.h"

#include <gtest/gtest.h>

#include <cstring>

#include "finite_differences.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sequential.h"
#include "lowbit/train/losses.h"
#include "support/counting_new.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

nn::Conv2d random_conv2d(Random& r, std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  return {.weight = Tensor(Shape{out, in, 3, 3}, random_values(r, out * in * 9, 0.4f)),
          .bias = random_values(r, out, 0.2f),
          .stride = stride,
          .padding = 1};
}

/// Two convolutions, a residual unit, a pool, a product.
Model small_network(std::uint64_t seed = 1) {
  Random r(seed);
  Sequential body(Shape{8, 6, 6});
  body.add(random_conv2d(r, 8, 8)).add(nn::Relu{}).add(random_conv2d(r, 8, 8));
  return Sequential({3, 12, 12})
      .add(random_conv2d(r, 3, 8, 2), "first")
      .add(nn::Relu{})
      .add_residual(body)
      .add(nn::Relu{})
      .add(nn::GlobalAveragePool2d{})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = Tensor(Shape{5, 8}, random_values(r, 40, 0.5f)),
                      .bias = random_values(r, 5, 0.1f)})
      .model();
}

Tensor random_images(std::int64_t n, std::uint64_t seed = 9) {
  Random r(seed);
  return Tensor(Shape{n, 3, 12, 12}, random_values(r, n * 3 * 144, 1.0f));
}

std::vector<std::int64_t> some_labels(std::int64_t n) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i * 7 % 5);
  return labels;
}

/// All gradients after one pass, one after the other.
std::vector<float> gradients_after_pass(Tape& tape, const Tensor& images) {
  tape.forward(images);
  softmax_cross_entropy(tape.output(), some_labels(images.shape[0]), tape.output_gradient());
  tape.backward();
  std::vector<float> all;
  for (const Parameter& p : tape.parameters()) all.insert(all.end(), p.gradient.begin(), p.gradient.end());
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Tape, ForwardIsInference) {
  const Model model = small_network();
  const Tensor images = random_images(5);
  Tape tape(model, {.batch = 5});
  tape.forward(images);
  Workspace workspace(model, {.batch = 5});
  Tensor expected(Shape{5, 5});
  run(model, images, expected, workspace);
  const TensorView y = tape.output();
  ASSERT_EQ(y.shape, expected.shape);
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t c = 0; c < 5; ++c)
      EXPECT_NEAR(y.data[i * y.strides[0] + c], expected.data[static_cast<std::size_t>(i * 5 + c)], 1e-5f);
}

TEST(Tape, SameBitsForAnyNumberOfThreads) {
  const Tensor images = random_images(21);
  std::vector<float> expected;
  for (const int threads : {1, 2, 3, 5}) {
    Tape tape(small_network(), {.batch = 21, .threads = threads, .batch_norm = {"*conv2d", "first"}});
    tape.adopt_statistics(images);
    const std::vector<float> got = gradients_after_pass(tape, images);
    if (expected.empty()) expected = got;
    EXPECT_TRUE(same_bits(expected, got)) << threads << " threads";
  }
}

TEST(Tape, SmallerBatchesRunInTheSameMemory) {
  Tape large(small_network(), {.batch = 40}), small(small_network(), {.batch = 3});
  const Tensor images = random_images(3);
  gradients_after_pass(large, random_images(40, 5));
  EXPECT_TRUE(same_bits(gradients_after_pass(large, images), gradients_after_pass(small, images)));
}

TEST(Tape, PassesAllocateNothing) {
  Tape tape(small_network(), {.batch = 4, .batch_norm = {"first"}});
  const Tensor images = random_images(4);
  const TensorView view = images;
  tape.forward(view);
  tape.backward();
  const std::size_t before = allocations();
  tape.forward(view);
  tape.backward();
  EXPECT_EQ(allocations(), before);
}

TEST(Tape, GradientDescentLowersTheLoss) {
  Tape tape(small_network(), {.batch = 20, .batch_norm = {"*conv2d", "first"}});
  const Tensor images = random_images(20);
  tape.adopt_statistics(images);
  double first = 0, loss = 0;
  for (int step = 0; step < 60; ++step) {
    tape.forward(images);
    loss = softmax_cross_entropy(tape.output(), some_labels(20), tape.output_gradient());
    if (step == 0) first = loss;
    tape.backward();
    for (const Parameter& p : tape.parameters())
      for (std::size_t i = 0; i < p.value.size(); ++i) p.value[i] -= 0.2f * p.gradient[i];
  }
  EXPECT_LT(loss, 0.75 * first);
}

TEST(TapeBatchNorm, AdoptedStatisticsChangeNothingAndFoldBack) {
  const Model model = small_network();
  const Tensor images = random_images(30);
  Tape tape(model, {.batch = 30, .batch_norm = {"*"}});
  tape.adopt_statistics(images);
  const Model folded = tape.model();
  Tensor expected(Shape{30, 5}), got(Shape{30, 5});
  Workspace workspace(model, {.batch = 30}), folded_workspace(folded, {.batch = 30});
  run(model, images, expected, workspace);
  run(folded, images, got, folded_workspace);
  tape.infer(images);
  const TensorView inferred = tape.output();
  for (std::int64_t i = 0; i < 30; ++i)
    for (std::int64_t c = 0; c < 5; ++c) {
      const auto at = static_cast<std::size_t>(i * 5 + c);
      EXPECT_NEAR(got.data[at], expected.data[at], 2e-4f);
      EXPECT_NEAR(inferred.data[i * inferred.strides[0] + c], expected.data[at], 2e-4f);
    }
}

/// A convolution, normalized over the batch in double, a residual, a ReLU.
double normalized_loss(const Graph& graph, const std::vector<Sample>& x, const std::vector<Sample>& residual,
                       std::span<const float> gamma, std::span<const float> beta,
                       const std::vector<double>& factors) {
  std::vector<std::vector<double>> raw;
  for (const Sample& s : x) raw.push_back(interpret(graph, std::vector<Sample>{s})[0].data);
  const std::size_t channels = gamma.size(), pixels = raw[0].size() / channels;
  const double count = static_cast<double>(pixels * x.size());
  double loss = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    double mean = 0, variance = 0;
    for (const auto& r : raw)
      for (std::size_t p = 0; p < pixels; ++p) mean += r[c * pixels + p] / count;
    for (const auto& r : raw)
      for (std::size_t p = 0; p < pixels; ++p)
        variance += (r[c * pixels + p] - mean) * (r[c * pixels + p] - mean) / count;
    for (std::size_t s = 0; s < raw.size(); ++s)
      for (std::size_t p = 0; p < pixels; ++p) {
        const std::size_t at = c * pixels + p;
        const double y = (raw[s][at] - mean) / std::sqrt(variance + 1e-5) * static_cast<double>(gamma[c]) +
                         static_cast<double>(beta[c]) + residual[s].data[at];
        loss += factors[s * raw[s].size() + at] * std::max(y, 0.0);
      }
  }
  return loss;
}

TEST(TapeBatchNorm, GradientsAreThoseOfCentralDifferences) {
  Random r(11);
  for (int trial = 0; trial < 8; ++trial) {
    const std::int64_t samples = r.integer(2, 5), in = r.integer(1, 4), out = r.integer(1, 5);
    Graph graph;
    const ValueId x = graph.add_value("x", Shape{in, 5, 4}), skip = graph.add_value("skip", Shape{out, 5, 4});
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3}, random_values(r, out * in * 9, 0.5f));
    op.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    graph.inputs = {x};
    graph.outputs = {graph.add_node("conv", op, {x})};
    const Graph plain = graph;
    op.activation = {0.0f, std::numeric_limits<float>::infinity()};
    graph.nodes.clear();
    graph.values.resize(2);
    graph.inputs = {x, skip};
    graph.outputs = {graph.add_node("conv", op, {x, skip})};
    Tape tape(Model(graph), {.batch = samples, .batch_norm = {"conv"}, .input_gradients = true});
    for (const Parameter& p : tape.parameters())
      if (p.name != "conv.weight")
        for (float& v : p.value) v += 0.5f * r.uniform();
    const Tensor in_batch(Shape{samples, in, 5, 4}, random_values(r, samples * in * 20, 1.0f));
    const Tensor skip_batch(Shape{samples, out, 5, 4}, random_values(r, samples * out * 20, 1.0f));
    const std::vector<TensorView> views{in_batch, skip_batch};
    tape.forward(views);
    const MutableTensorView g = tape.output_gradient();
    std::vector<double> factors;
    for (std::int64_t s = 0; s < samples; ++s)
      for (std::int64_t e = 0; e < out * 20; ++e) {
        const float f = r.uniform();
        factors.push_back(static_cast<double>(f));
        g.data[s * g.strides[0] + e / 20 * g.strides[1] + e % 20 / 4 * g.strides[2] + e % 4 * g.strides[3]] =
            f;
      }
    tape.backward();
    const auto split = [&](const Tensor& batch, std::int64_t channels) {
      std::vector<Sample> all;
      const std::int64_t n = channels * 20;
      for (std::int64_t s = 0; s < samples; ++s)
        all.push_back({Shape{channels, 5, 4},
                       std::vector<double>(batch.data.begin() + s * n, batch.data.begin() + (s + 1) * n)});
      return all;
    };
    std::vector<Sample> xs = split(in_batch, in);
    const std::vector<Sample> skips = split(skip_batch, out);
    const std::span<const Parameter> parameters = tape.parameters();
    ASSERT_EQ(parameters.size(), 3u);
    for (const Parameter& p : parameters) {
      GradientComparison comparison;
      for (int i = 0; i < 6; ++i) {
        const auto e = static_cast<std::size_t>(r.integer(0, p.shape.elements() - 1));
        const float value = p.value[e];
        const auto loss_at = [&](double v) {
          Graph changed = plain;
          p.value[e] = static_cast<float>(v);
          auto& conv = std::get<ops::Conv2dOp>(changed.nodes[0].op);
          std::copy(parameters[0].value.begin(), parameters[0].value.end(), conv.weight.data.begin());
          const double loss =
              normalized_loss(changed, xs, skips, parameters[1].value, parameters[2].value, factors);
          p.value[e] = value;
          return loss;
        };
        const auto difference = [&](float h) {
          const double above = static_cast<double>(value + h), below = static_cast<double>(value - h);
          return (loss_at(above) - loss_at(below)) / (above - below);
        };
        const double wide = difference(0x1p-12f), narrow = difference(0x1p-14f);
        const bool kink = std::fabs(wide - narrow) > 2e-5 * (std::fabs(narrow) + 1e-2);
        comparison.add(static_cast<double>(p.gradient[e]), kink ? std::nan("") : narrow);
      }
      EXPECT_GE(comparison.finish(p.name), 3u);
    }
    const TensorView dx = tape.input_gradient(0);
    GradientComparison comparison;
    for (int i = 0; i < 6; ++i) {
      const auto s = static_cast<std::size_t>(r.integer(0, samples - 1));
      const std::int64_t e = r.integer(0, in * 20 - 1);
      double& at = xs[s].data[static_cast<std::size_t>(e)];
      const double before = at;
      const double numeric = central_difference(
          [&](double v) {
            at = v;
            const double loss =
                normalized_loss(plain, xs, skips, parameters[1].value, parameters[2].value, factors);
            at = before;
            return loss;
          },
          before);
      comparison.add(static_cast<double>(
                         dx.data[static_cast<std::ptrdiff_t>(s) * dx.strides[0] + e / 20 * dx.strides[1] +
                                 e % 20 / 4 * dx.strides[2] + e % 4 * dx.strides[3]]),
                     numeric);
    }
    EXPECT_GE(comparison.finish("x"), 3u);
  }
}

TEST(TapeBatchNorm, StreamIsTheMeanOfBatchesWithFallingMomentum) {
  Tape tape(small_network(), {.batch = 10, .batch_norm = {"first"}});
  const Tensor a = random_images(10, 1), b = random_images(10, 2);
  std::vector<double> sums(8);
  for (const Tensor* batch : {&a, &b}) {
    tape.set_batch_norm_momentum(1);
    tape.forward(*batch);
    for (std::size_t c = 0; c < 8; ++c) sums[c] += tape.states()[0].value[c];
  }
  tape.set_batch_norm_momentum(1);
  tape.forward(a);
  tape.set_batch_norm_momentum(0.5);
  tape.forward(b);
  ASSERT_EQ(tape.states()[0].name, "first.mean");
  for (std::size_t c = 0; c < 8; ++c) EXPECT_NEAR(tape.states()[0].value[c], sums[c] / 2, 1e-12);
}

TEST(TapeBatchNorm, FrozenStatisticsStay) {
  Tape tape(small_network(), {.batch = 10, .batch_norm = {"first"}, .freeze_batch_norm = true});
  const Tensor images = random_images(10);
  tape.adopt_statistics(images);
  const std::vector<double> before(tape.states()[0].value.begin(), tape.states()[0].value.end());
  const Tensor others = random_images(10, 3);
  tape.forward(others);
  const TensorView y = tape.output();
  const std::vector<float> trained(y.data, y.data + 5);
  tape.infer(others);
  EXPECT_TRUE(std::equal(trained.begin(), trained.end(), tape.output().data));
  EXPECT_TRUE(std::equal(before.begin(), before.end(), tape.states()[0].value.begin()));
}

TEST(Tape, Refusals) {
  const Model model = small_network();
  const auto refused = [&](const TapeOptions& options) {
    return error_of([&] { Tape tape(model, options); }, ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(refused({.batch = 0}), {"batch of at least 1"}));
  EXPECT_TRUE(says(refused({.batch_norm = {"nobody"}}), {"no Conv2d is called \"nobody\""}));
  const Model quantized = quantize(model, {.scheme = "int8-wo"});
  EXPECT_TRUE(says(error_of([&] { Tape tape(quantized); }, ErrorCode::invalid_argument), {"int8-wo"}));
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{4})};
  ops::ArrayOp signs;
  signs.function = "Sign";
  signs.opset = 13;
  signs.sources = {ops::ArrayOp::kValue};
  signs.elements = {ElementType::f32};
  graph.outputs = {graph.add_node("signs", signs, graph.inputs)};
  EXPECT_TRUE(says(error_of([&] { Tape tape{Model(graph)}; }, ErrorCode::unsupported),
                   {"\"signs\" cannot be trained", "Sign has no gradient"}));

  Tape tape(model, {.batch = 4});
  EXPECT_TRUE(says(error_of([&] { tape.backward(); }, ErrorCode::invalid_argument), {"forward pass"}));
  EXPECT_TRUE(
      says(error_of([&] { tape.forward(random_images(5)); }, ErrorCode::invalid_argument), {"batch of 5"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         tape.forward(Tensor(Shape{2, 3, 12, 11}));
                       },
                       ErrorCode::shape_mismatch),
                   {"12x11"}));
  EXPECT_TRUE(says(error_of([&] { tape.input_gradient(); }, ErrorCode::invalid_argument),
                   {"without gradients of inputs"}));
  EXPECT_TRUE(
      says(error_of([&] { tape.set_batch_norm_momentum(2); }, ErrorCode::invalid_argument), {"[0, 1]"}));
  tape.infer(random_images(2));
  EXPECT_TRUE(says(error_of([&] { tape.backward(); }, ErrorCode::invalid_argument), {"forward pass"}));
}

}  // namespace
}  // namespace lowbit::testing
