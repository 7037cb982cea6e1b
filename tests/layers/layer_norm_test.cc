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
