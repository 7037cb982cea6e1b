// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "layers/against_interpreter.h"

namespace lowbit::testing {
namespace {

std::vector<float> line(std::int64_t n, float first) {
  std::vector<float> v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(first + 0.125f * static_cast<float>(i % 7));
  return v;
}

TEST(LayerNorm, AlongTheLastAxisOfEveryRank) {
  for (const Shape& shape : {Shape{1}, Shape{5}, Shape{16}, Shape{31}, Shape{4, 33}, Shape{3, 4, 40},
                             Shape{1, 7, 20}, Shape{2, 3, 4, 17}, Shape{1, 1, 2, 3, 768}})
    for (const bool is_centred : {true, false}) {
      const std::int64_t n = shape[shape.rank() - 1];
      expect_floats(ops::LayerNormOp{line(n, 0.5f), line(n, -1.0f), 1e-5f, is_centred},
                    {random_values(f32_type(shape), 2, 1)}, 1e-5);
      expect_floats(ops::LayerNormOp{{}, {}, 0.25f, is_centred}, {random_values(f32_type(shape), 3, 2)},
                    1e-5);
      expect_floats(ops::LayerNormOp{{}, line(n, 2.0f), 1e-3f, is_centred},
                    {random_values(f32_type(shape), 1, 3)}, 1e-5);
    }
}

TEST(LayerNorm, OfNumbersFarFromZeroAndOfNaN) {
  Values x = random_values(f32_type({2, 100}), 1, 1);
  for (float& v : x.data) v = 1000.0f + v;
  expect_floats(ops::LayerNormOp{}, {x}, 2e-3);
  x.data[3] = NAN;
  const Values y = run_op(ops::LayerNormOp{}, {x}, f32_type({2, 100}));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_TRUE(std::isnan(y.data[i])) << i;
  for (std::size_t i = 100; i < 200; ++i) EXPECT_FALSE(std::isnan(y.data[i])) << i;
}

/// Of the reals that codes stand for, to the step of the output's codes.
TEST(LayerNorm, OnCodes) {
  for (const Shape& shape : {Shape{5}, Shape{4, 33}, Shape{3, 4, 40}, Shape{2, 3, 4, 17}}) {
    const std::int64_t n = shape[shape.rank() - 1];
    const ops::LayerNormOp op{line(n, 0.5f), line(n, -0.25f), 1e-5f, true};
    const std::vector<Values> in{random_values(u8_type(shape, 0.02f, 117), 2, 1)};
    const ValueType out = u8_type(shape, 0.03f, 100);
    const Values y = run_op(op, in, out, 2);
    const std::vector<double> want = expected(op, in);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double code = std::min(255.0, std::max(0.0, want[i] / 0.03 + 100));
      ASSERT_NEAR(y.data[i], code, 0.501) << i;
    }
  }
}

TEST(LayerNorm, HasTheSameBitsEverywhere) {
  const Shape shape{40, 100};
  const ops::LayerNormOp op{line(100, 0.5f), line(100, -0.25f), 1e-5f, true};
  const Values y = run_op(op, {random_values(f32_type(shape), 1, 7)}, f32_type(shape));
  EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), 0x2661ee5d1bad5f3fu);
  const Values codes =
      run_op(op, {random_values(u8_type(shape, 0.02f, 117), 1, 7)}, u8_type(shape, 0.03f, 100));
  EXPECT_EQ(fnv1a(codes.data.data(), codes.data.size() * sizeof(float)), 0x26369372d378a947u);
}

TEST(LayerNorm, WhatDoesNotFitIsRefused) {
  const auto infer = [](const ops::LayerNormOp& op, const Shape& shape) {
    ops::infer_shape(op, std::vector<Shape>{shape});
  };
  expect_error(ErrorCode::shape_mismatch, [&] { infer({line(3, 1), {}, 1e-5f, true}, {2, 4}); });
  expect_error(ErrorCode::shape_mismatch, [&] { infer({{}, line(2, 1), 1e-5f, true}, {2, 4}); });
  expect_error(ErrorCode::invalid_argument, [&] { infer({{}, {}, -1.0f, true}, {2, 4}); });
  expect_error(ErrorCode::invalid_argument, [&] { infer({{}, {}, NAN, true}, {2, 4}); });
  expect_error(ErrorCode::invalid_argument, [&] { infer({}, Shape{}); });
}

}  // namespace
}  // namespace lowbit::testing
