// SPDX-License-Identifier: Apache-2.0
// Linear in FP32 against a plain loop in double.
#include "lowbit/layers/linear_op.h"

#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

struct LinearCase {
  const char* name;
  Shape in;
  std::int64_t out, batch;
  bool flattens = false, bias = true;
  ops::Activation activation{};
};

void PrintTo(const LinearCase& c, std::ostream* os) {
  *os << c.name;
}

class LinearF32 : public ::testing::TestWithParam<LinearCase> {};

TEST_P(LinearF32, EqualsPlainLoops) {
  const LinearCase& t = GetParam();
  const std::int64_t features = t.flattens ? t.in.elements() : t.in[t.in.rank() - 1];
  ops::LinearOp op;
  op.flattens_input = t.flattens;
  op.activation = t.activation;
  op.weight = Tensor(Shape{t.out, features});
  Random random(3);
  for (float& w : op.weight.data) w = random.uniform();
  if (t.bias) op.bias.resize(static_cast<std::size_t>(t.out));
  for (float& b : op.bias) b = random.uniform();
  const std::vector<Values> inputs{random_values(f32_type(t.in), t.batch, 5)};
  const ValueType output = f32_type(shape_of(op, inputs));
  EXPECT_EQ(output.shape, t.in.rank() == 2 ? (Shape{t.in[0], t.out}) : (Shape{t.out}));
  const std::int64_t rows = t.in.elements() / features;
  for (const int threads : {1, 2}) {
    const Values y = run_op(op, inputs, output, threads);
    std::size_t i = 0;
    for (std::int64_t b = 0; b < t.batch; ++b)
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t o = 0; o < t.out; ++o, ++i) {
          double expected = t.bias ? op.bias[static_cast<std::size_t>(o)] : 0.0;
          for (std::int64_t k = 0; k < features; ++k) {
            // A flattened input is read in memory order: height, width, channel.
            const float x = t.flattens
                                ? at(inputs[0], b, k % t.in[0], k / t.in[0] / t.in[2], k / t.in[0] % t.in[2])
                                : inputs[0].data[static_cast<std::size_t>((b * rows + r) * features + k)];
            expected += static_cast<double>(op.weight.data[static_cast<std::size_t>(o * features + k)]) * x;
          }
          expected = std::min<double>(std::max<double>(expected, t.activation.lo), t.activation.hi);
          ASSERT_NEAR(y.data[i], expected, 1e-6 * static_cast<double>(features + 4))
              << b << " " << r << " " << o;
        }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LinearF32,
                         ::testing::Values(LinearCase{"one_row", {37}, 11, 1},
                                           LinearCase{"large_row", {600}, 1000, 1},
                                           LinearCase{"batch", {53}, 29, 7, false, true, {0.0f, 1.0f}},
                                           LinearCase{"large_batch", {300}, 90, 40, false, false},
                                           LinearCase{"sequence", {9, 21}, 14, 3},
                                           LinearCase{"one_step", {1, 21}, 14, 2},
                                           LinearCase{"flattened", {5, 4, 3}, 8, 3, true}),
                         [](const auto& c) { return c.param.name; });

TEST(LinearShape, RefusesWhatDoesNotFit) {
  ops::LinearOp op;
  op.weight = Tensor(Shape{3, 8});
  for (const Shape& bad : {Shape{7}, Shape{8, 7}, Shape{2, 2, 2}, Shape{}})
    expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, std::vector<Shape>{bad}); });
  op.bias.resize(2);
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, std::vector<Shape>{{8}}); });
}

}  // namespace
}  // namespace lowbit::testing
