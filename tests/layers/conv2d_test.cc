// SPDX-License-Identifier: Apache-2.0
// Conv2d in FP32 against a plain loop in double.
#include "lowbit/layers/conv2d.h"

#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

struct ConvCase {
  const char* name;
  std::int64_t channels, height, width, out, groups;
  ops::Window window;
  bool bias = true, residual = false;
  ops::Activation activation{};
  std::int64_t batch = 1;
};

void PrintTo(const ConvCase& c, std::ostream* os) {
  *os << c.name;
}

double brute_force(const ops::Conv2dOp& op, const Values& in, std::int64_t b, std::int64_t o, std::int64_t y,
                   std::int64_t x) {
  const Shape &w = op.weight.shape, &s = in.type.shape;
  double sum = op.bias.empty() ? 0.0 : op.bias[static_cast<std::size_t>(o)];
  const std::int64_t group = o / (w[0] / op.groups);
  for (std::int64_t c = 0; c < w[1]; ++c)
    for (std::int64_t ky = 0; ky < w[2]; ++ky)
      for (std::int64_t kx = 0; kx < w[3]; ++kx) {
        const std::int64_t iy = y * op.window.stride[0] - op.window.pad[0] + ky * op.window.dilation[0];
        const std::int64_t ix = x * op.window.stride[1] - op.window.pad[1] + kx * op.window.dilation[1];
        if (iy < 0 || iy >= s[1] || ix < 0 || ix >= s[2]) continue;
        sum += static_cast<double>(
                   op.weight.data[static_cast<std::size_t>(((o * w[1] + c) * w[2] + ky) * w[3] + kx)]) *
               at(in, b, group * w[1] + c, iy, ix);
      }
  return sum;
}

ops::Conv2dOp make_conv(const ConvCase& t) {
  ops::Conv2dOp op;
  op.window = t.window;
  op.groups = t.groups;
  op.activation = t.activation;
  op.weight = Tensor(Shape{t.out, t.channels / t.groups, t.window.kernel[0], t.window.kernel[1]});
  Random random(7);
  for (float& w : op.weight.data) w = random.uniform();
  if (t.bias) op.bias.resize(static_cast<std::size_t>(t.out));
  for (float& b : op.bias) b = random.uniform();
  return op;
}

class Conv2dF32 : public ::testing::TestWithParam<ConvCase> {};

TEST_P(Conv2dF32, EqualsPlainLoops) {
  const ConvCase& t = GetParam();
  const ops::Conv2dOp op = make_conv(t);
  std::vector<Values> inputs{random_values(f32_type({t.channels, t.height, t.width}), t.batch, 1)};
  const ValueType output = f32_type(shape_of(op, inputs));
  if (t.residual) inputs.push_back(random_values(output, t.batch, 2));
  for (const int threads : {1, 2}) {
    const Values y = run_op(op, inputs, output, threads);
    const double tolerance = 1e-6 * static_cast<double>(op.weight.shape.elements() / t.out + 4);
    std::size_t i = 0;
    for (std::int64_t b = 0; b < t.batch; ++b)
      for (std::int64_t o = 0; o < output.shape[0]; ++o)
        for (std::int64_t h = 0; h < output.shape[1]; ++h)
          for (std::int64_t w = 0; w < output.shape[2]; ++w, ++i) {
            double expected = brute_force(op, inputs[0], b, o, h, w);
            if (t.residual) expected += at(inputs[1], b, o, h, w);
            expected = std::min<double>(std::max<double>(expected, t.activation.lo), t.activation.hi);
            ASSERT_NEAR(y.data[i], expected, tolerance)
                << "sample " << b << " channel " << o << " at " << h << "," << w;
          }
  }
}

constexpr ops::Activation kRelu{0.0f, std::numeric_limits<float>::infinity()}, kClip{-0.5f, 0.75f};

INSTANTIATE_TEST_SUITE_P(
    Shapes, Conv2dF32,
    ::testing::Values(
        ConvCase{"stem", 3, 11, 9, 16, 1, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}},
        ConvCase{"square", 16, 12, 12, 16, 1, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true, kRelu, 3},
        ConvCase{"large_enough_for_threads",
                 16,
                 24,
                 24,
                 48,
                 1,
                 {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
                 true,
                 true,
                 kClip,
                 2},
        ConvCase{"pointwise", 40, 9, 7, 70, 1, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, false, true, kClip},
        ConvCase{"strided_pointwise", 8, 9, 8, 5, 1, {{1, 1}, {2, 3}, {1, 1}, {0, 0, 0, 0}}},
        ConvCase{
            "odd_everything", 5, 10, 13, 7, 1, {{2, 3}, {2, 1}, {1, 2}, {0, 1, 2, 3}}, true, true, kRelu, 2},
        ConvCase{"dilated", 6, 14, 15, 33, 1, {{3, 3}, {1, 2}, {3, 2}, {2, 4, 1, 0}}},
        ConvCase{"padding_wider_than_image", 4, 2, 3, 4, 1, {{3, 3}, {1, 1}, {1, 1}, {4, 5, 4, 5}}},
        ConvCase{
            "by_filtering", 32, 9, 7, 64, 1, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true, kRelu, 3},
        ConvCase{"groups_by_filtering", 64, 8, 9, 64, 2, {{3, 3}, {1, 1}, {1, 1}, {1, 0, 1, 2}}},
        ConvCase{"deep", 60, 5, 6, 19, 1, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true, kClip},
        ConvCase{"deep_and_wide", 200, 3, 3, 130, 1, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}},
        ConvCase{"rectangular_kernel", 3, 8, 20, 10, 1, {{1, 7}, {1, 2}, {1, 1}, {0, 3, 0, 3}}},
        ConvCase{"groups", 12, 9, 9, 20, 4, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true, kRelu, 2},
        ConvCase{"pointwise_padded_below", 10, 4, 5, 6, 1, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 2, 0}}},
        ConvCase{"pointwise_padded_right", 10, 4, 5, 6, 1, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 3}}},
        ConvCase{"grouped_pointwise", 10, 4, 5, 6, 2, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}},
        ConvCase{
            "depthwise", 37, 10, 9, 37, 37, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true, kClip, 2},
        ConvCase{"wide_depthwise", 96, 13, 13, 96, 96, {{3, 3}, {2, 2}, {1, 1}, {0, 1, 1, 0}}, false},
        ConvCase{"dilated_depthwise", 20, 12, 12, 20, 20, {{5, 3}, {1, 1}, {2, 3}, {4, 3, 4, 3}}},
        ConvCase{"depthwise_multiplier", 9, 7, 7, 18, 9, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, true, true}),
    [](const auto& c) { return c.param.name; });

TEST(Conv2dF32NaN, PassesThroughActivations) {
  for (const std::int64_t groups : {1, 40}) {
    const ops::Conv2dOp op =
        make_conv({"", 40, 3, 3, 40, groups, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}, true, false, kClip});
    std::vector<Values> in{random_values(f32_type({40, 3, 3}), 1, 1)};
    for (std::size_t c = 0; c < 40; ++c) in[0].data[c * 9 + 4] = std::numeric_limits<float>::quiet_NaN();
    const Values y = run_op(op, in, in[0].type);
    for (std::size_t i = 0; i < y.data.size(); ++i) EXPECT_EQ(std::isnan(y.data[i]), i % 9 == 4) << i;
  }
}

TEST(Conv2dF32NaN, InfiniteWeightsGiveWhatTheDefinitionGives) {
  ops::Conv2dOp op = make_conv({"", 32, 6, 8, 64, 1, {{3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}}});
  op.weight.data[5 * 32 * 9 + 4] = std::numeric_limits<float>::infinity();
  std::vector<Values> in{random_values(f32_type({32, 6, 8}), 1, 1)};
  const Values y = run_op(op, in, f32_type({64, 4, 6}));
  for (std::size_t i = 0; i < y.data.size(); ++i) EXPECT_EQ(std::isinf(y.data[i]), i / 24 == 5) << i;
}

TEST(Conv2dShape, RefusesWhatDoesNotFit) {
  ops::Conv2dOp op = make_conv({"", 4, 8, 8, 6, 2, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}});
  const std::vector<Shape> good{{4, 8, 8}};
  EXPECT_EQ(ops::infer_shape(op, good), (Shape{6, 4, 4}));
  for (const std::vector<Shape>& bad : {std::vector<Shape>{{5, 8, 8}}, {{4, 8}}, {{4, 8, 8}, {6, 4, 5}}, {}})
    expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, bad); });
  ops::Conv2dOp large = op;
  large.window.pad = {0, 0, 0, 0};
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(large, std::vector<Shape>{{4, 2, 8}}); });
  op.bias.pop_back();
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, good); });
  op.bias.clear();
  op.groups = 0;
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, good); });
  op.groups = 2;
  op.window.stride[0] = 0;
  expect_error(ErrorCode::invalid_argument, [&] { ops::infer_shape(op, good); });
}

}  // namespace
}  // namespace lowbit::testing
