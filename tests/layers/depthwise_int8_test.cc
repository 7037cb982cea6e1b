// SPDX-License-Identifier: Apache-2.0
// The driver of depthwise Conv2d on codes: channel multipliers, dynamic inputs and residuals against integer
// loops, the same bits from every kernel and with every number of threads.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "layers/layer_test.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/int8_oracle.h"

namespace lowbit::testing {
namespace {

struct DepthwiseCase {
  const char* name;
  std::int64_t channels, size, multiplier;
  ops::Window window;
  bool asymmetric = false, u8_out = true, residual = false, dynamic = false;
  std::int64_t batch = 1;
};

void PrintTo(const DepthwiseCase& c, std::ostream* os) {
  *os << c.name;
}

/// A layer with its inputs; `weights` have to outlive the step.
struct Layer {
  ops::Conv2dOp op;
  QuantizedMatrix weights;
  std::vector<Values> inputs;
  ValueType output;

  std::unique_ptr<ops::Step> step(bool dynamic, Isa isa) const {
    ops::StepSpec spec;
    for (const Values& v : inputs) spec.inputs.push_back(&v.type);
    spec.output = &output;
    spec.weights = &weights;
    spec.dynamic = dynamic;
    spec.isa = isa;
    return ops::make_step(op, spec);
  }
};

Layer make_layer(const DepthwiseCase& t) {
  Layer layer;
  ops::Conv2dOp& op = layer.op;
  Random random(17);
  const std::int64_t out = t.channels * t.multiplier;
  op.window = t.window;
  op.groups = t.channels;
  op.activation = {-1.0f, 6.0f};
  op.weight = Tensor(Shape{out, 1, t.window.kernel[0], t.window.kernel[1]});
  for (float& w : op.weight.data) w = random.gaussian();
  op.bias.resize(static_cast<std::size_t>(out));
  for (float& b : op.bias) b = random.gaussian();
  const MatrixView view(op.weight.data.data(), out, op.weight.shape.elements() / out);
  layer.weights =
      t.asymmetric ? quantize(view, Affine<8>{.mapping = Mapping::asymmetric}) : quantize(view, Affine<8>{});
  const Shape in{t.channels, t.size, t.size};
  layer.inputs.push_back(random_values(t.dynamic ? f32_type(in) : u8_type(in, 0.02f, 117), t.batch, 3));
  const Shape shape = shape_of(op, layer.inputs);
  layer.output = t.u8_out ? u8_type(shape, 0.05f, 31) : f32_type(shape);
  if (t.residual)
    layer.inputs.push_back(
        random_values(t.dynamic ? f32_type(shape) : u8_type(shape, 0.03f, 90), t.batch, 4));
  return layer;
}

class DepthwiseInt8 : public ::testing::TestWithParam<DepthwiseCase> {};

TEST_P(DepthwiseInt8, EveryKernelAndNumberOfThreadsGivesTheSameBits) {
  const DepthwiseCase& t = GetParam();
  const Layer layer = make_layer(t);
  const Values expected = run_step(*layer.step(t.dynamic, Isa::scalar), layer.inputs, layer.output);
  for (const Isa isa : {active_isa(), active_isa() & (Isa::avx2 | Isa::neon)})
    for (const int threads : {1, 2, 3, 8}) {
      const auto step = layer.step(t.dynamic, isa);
      const Values got = run_step(*step, layer.inputs, layer.output, threads);
      ASSERT_EQ(std::memcmp(got.data.data(), expected.data.data(), got.data.size() * sizeof(float)), 0)
          << step->kernel() << " with " << threads << " threads";
    }
}

class DepthwiseInt8Static : public DepthwiseInt8 {};

TEST_P(DepthwiseInt8Static, EqualsIntegerLoops) {
  const DepthwiseCase& t = GetParam();
  const Layer layer = make_layer(t);
  const Values got = run_step(*layer.step(false, active_isa()), layer.inputs, layer.output);
  const Shape& out = layer.output.shape;
  OracleOutput oracle;
  if (t.u8_out) oracle.out = layer.output.qparams;
  std::size_t i = 0;
  bool fits = true;
  for (std::int64_t b = 0; b < t.batch; ++b) {
    CodeImage image{t.channels, t.size, t.size, {}, layer.inputs[0].type.qparams};
    const std::int64_t count = image.channels * t.size * t.size;
    for (std::int64_t k = 0; k < count; ++k)
      image.codes.push_back(
          static_cast<std::uint8_t>(layer.inputs[0].data[static_cast<std::size_t>(b * count + k)]));
    for (std::int64_t o = 0; o < out[0]; ++o)
      for (std::int64_t y = 0; y < out[1]; ++y)
        for (std::int64_t x = 0; x < out[2]; ++x, ++i) {
          std::optional<std::uint8_t> residual;
          if (t.residual) residual = static_cast<std::uint8_t>(layer.inputs[1].data[i]);
          const QParams residual_q = t.residual ? layer.inputs[1].type.qparams : QParams{};
          const float f =
              conv_element(layer.op, layer.weights, image, o, y, x, oracle, residual, residual_q, &fits);
          const float expected = t.u8_out ? static_cast<float>(to_code(f, layer.output.qparams)) : f;
          ASSERT_EQ(got.data[i], expected) << b << " " << o << " " << y << " " << x;
        }
  }
  EXPECT_TRUE(fits);
}

constexpr ops::Window k3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    kStrided{{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};

constexpr DepthwiseCase kStatic[] = {
    {"usual", 144, 28, 1, k3x3},
    {"strided", 96, 29, 1, kStrided, false, true, true, false, 2},
    {"asymmetric_weights", 40, 13, 1, k3x3, true},
    {"five_by_five", 72, 15, 1, {{5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}}, true, true, true},
    {"dilated", 20, 17, 1, {{3, 3}, {1, 1}, {2, 3}, {2, 3, 2, 3}}, false, false, false, false, 3},
    {"few_channels", 3, 40, 1, k3x3},
    {"large", 64, 60, 1, k3x3, false, true, false, false, 2},
    {"multiplier_2", 24, 21, 2, k3x3, false, true, false, false, 3},
    {"multiplier_3", 33, 14, 3, kStrided, true, true, true},
    {"multiplier_8", 5, 12, 8, k3x3},
    {"multiplier_20", 17, 9, 20, k3x3},
    {"f32", 50, 11, 1, k3x3, false, false, true}};
constexpr DepthwiseCase kDynamic[] = {{"dynamic", 48, 19, 1, k3x3, false, false, false, true, 3},
                                      {"dynamic_residual", 30, 40, 1, kStrided, true, false, true, true, 2},
                                      {"dynamic_multiplier", 18, 15, 4, k3x3, false, false, true, true, 2}};

std::string case_name(const ::testing::TestParamInfo<DepthwiseCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Static, DepthwiseInt8, ::testing::ValuesIn(kStatic), case_name);
INSTANTIATE_TEST_SUITE_P(Dynamic, DepthwiseInt8, ::testing::ValuesIn(kDynamic), case_name);
INSTANTIATE_TEST_SUITE_P(Shapes, DepthwiseInt8Static, ::testing::ValuesIn(kStatic), case_name);

}  // namespace
}  // namespace lowbit::testing
