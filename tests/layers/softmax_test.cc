// SPDX-License-Identifier: Apache-2.0
// Softmax and its exponential, against libm in double.
#include "lowbit/layers/softmax.h"

#include "layers/exp.h"
#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

constexpr std::uint64_t kGolden = 8016162471810432161u;

TEST(Exp, StaysWithinItsBound) {
  double worst = 0;
  for (std::uint32_t bits = 0; bits <= std::bit_cast<std::uint32_t>(87.3365f); bits += 997) {
    const float x = -std::bit_cast<float>(bits);
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(ops::exp_of_nonpositive(x) - exact) / exact);
  }
  EXPECT_LT(worst, std::exp2(-22.5));
  EXPECT_GT(worst, 0.0);
}

TEST(Exp, Edges) {
  EXPECT_EQ(ops::exp_of_nonpositive(0.0f), 1.0f);
  EXPECT_EQ(ops::exp_of_nonpositive(-0.0f), 1.0f);
  EXPECT_EQ(ops::exp_of_nonpositive(-88.0f), 0.0f);
  EXPECT_EQ(ops::exp_of_nonpositive(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_TRUE(std::isnan(ops::exp_of_nonpositive(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_GE(ops::exp_of_nonpositive(-87.3365f), std::numeric_limits<float>::min());
}

TEST(Softmax, EveryAxisAgainstDouble) {
  for (const Shape& shape : {Shape{4, 3, 5}, Shape{6, 7}, Shape{33}})
    for (int axis = 0; axis < shape.rank(); ++axis) {
      std::vector<Values> in{random_values(f32_type(shape), 2, 1)};
      for (float& x : in[0].data) x *= 20.0f;
      const Values y = run_op(ops::SoftmaxOp{axis}, in, in[0].type);
      std::int64_t inner = 1, outer = 2;
      for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
      for (int i = 0; i < axis; ++i) outer *= shape[i];
      for (std::int64_t o = 0; o < outer; ++o)
        for (std::int64_t i = 0; i < inner; ++i) {
          auto index = [&](std::int64_t n) {
            return static_cast<std::size_t>((o * shape[axis] + n) * inner + i);
          };
          double sum = 0;
          for (std::int64_t n = 0; n < shape[axis]; ++n)
            sum += std::exp(static_cast<double>(in[0].data[index(n)]));
          for (std::int64_t n = 0; n < shape[axis]; ++n)
            ASSERT_NEAR(y.data[index(n)], std::exp(static_cast<double>(in[0].data[index(n)])) / sum, 1e-6);
        }
    }
}

TEST(Softmax, SameBitsEverywhere) {
  std::vector<Values> in{random_values(f32_type({1000}), 4, 9)};
  for (float& x : in[0].data) x *= 16.0f;
  const Values y = run_op(ops::SoftmaxOp{0}, in, in[0].type);
  EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), kGolden);
}

TEST(Softmax, RefusesCodes) {
  const std::vector<Values> in{random_values(u8_type({4}, 1.0f, 0), 1, 1)};
  expect_error(ErrorCode::unsupported, [&] { run_op(ops::SoftmaxOp{0}, in, in[0].type); });
  expect_error(ErrorCode::invalid_argument,
               [&] { ops::infer_shape(ops::SoftmaxOp{1}, std::vector<Shape>{{4}}); });
}

}  // namespace
}  // namespace lowbit::testing
