// SPDX-License-Identifier: Apache-2.0
// Add, Concat and the operators on single elements, against their definitions.
#include "lowbit/layers/pointwise.h"

#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

constexpr ops::Activation kQuarterToHalf{-0.25f, 0.5f};

float clip(float x) {
  return std::min(kQuarterToHalf.hi, std::max(kQuarterToHalf.lo, x));
}
float clip_code(float x, float lo, float hi, float zero) {
  return std::min(hi, std::max(lo, std::nearbyint(x) + zero));
}

TEST(Add, F32) {
  const std::vector<Values> in{random_values(f32_type({5, 30, 31}), 3, 1),
                               random_values(f32_type({5, 30, 31}), 3, 2)};
  for (const int threads : {1, 2}) {
    const Values y = run_op(ops::AddOp{kQuarterToHalf}, in, in[0].type, threads);
    for (std::size_t i = 0; i < y.data.size(); ++i) ASSERT_EQ(y.data[i], clip(in[0].data[i] + in[1].data[i]));
  }
}

TEST(Add, U8) {
  const Shape shape{5, 30, 31};
  const std::vector<Values> in{random_values(u8_type(shape, 0.02f, 120), 3, 1),
                               random_values(u8_type(shape, 0.013f, 7), 3, 2)};
  const ValueType output = u8_type(shape, 0.03f, 100);
  const float ma = static_cast<float>(static_cast<double>(0.02f) / static_cast<double>(0.03f));
  const float mb = static_cast<float>(static_cast<double>(0.013f) / static_cast<double>(0.03f));
  const ops::Activation relu{0.0f, 3.0f};
  for (const int threads : {1, 2}) {
    const Values y = run_op(ops::AddOp{relu}, in, output, threads);
    for (std::size_t i = 0; i < y.data.size(); ++i) {
      const float a = (in[0].data[i] - 120.0f) * ma, b = (in[1].data[i] - 7.0f) * mb;
      ASSERT_EQ(y.data[i], clip_code(a + b, 100.0f, 200.0f, 100.0f));
    }
  }
}

TEST(Add, RefusesOtherShapes) {
  expect_error(ErrorCode::shape_mismatch, [&] {
    ops::infer_shape(ops::AddOp{}, std::vector<Shape>{{3}, {4}});
  });
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(ops::AddOp{}, std::vector<Shape>{{3}}); });
}

TEST(Concat, JoinsEveryAxis) {
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    std::array<std::int64_t, 3> small{3, 4, 5}, all{3, 4, 5};
    small[static_cast<std::size_t>(axis)] = 2;
    all[static_cast<std::size_t>(axis)] += 2;
    const std::vector<Values> in{random_values(f32_type({3, 4, 5}), 2, 1),
                                 random_values(f32_type(Shape(small)), 2, 2)};
    const Values y = run_op(ops::ConcatOp{axis}, in, f32_type(Shape(all)));
    const std::int64_t cut = in[0].type.shape[static_cast<int>(axis)];
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t c = 0; c < all[0]; ++c)
        for (std::int64_t h = 0; h < all[1]; ++h)
          for (std::int64_t w = 0; w < all[2]; ++w) {
            std::array<std::int64_t, 3> i{c, h, w};
            const bool second = i[static_cast<std::size_t>(axis)] >= cut;
            if (second) i[static_cast<std::size_t>(axis)] -= cut;
            ASSERT_EQ(at(y, b, c, h, w), at(in[second], b, i[0], i[1], i[2]));
          }
  }
}

TEST(Concat, RequantizesCodes) {
  const std::vector<Values> in{random_values(u8_type({3, 6}, 0.5f, 10), 2, 1),
                               random_values(u8_type({3, 7}, 0.3f, 50), 2, 2)};
  const Values y = run_op(ops::ConcatOp{1}, in, u8_type({3, 13}, 0.5f, 10));
  const float m = static_cast<float>(static_cast<double>(0.3f) / 0.5);
  for (std::size_t r = 0; r < 6; ++r)
    for (std::size_t c = 0; c < 13; ++c) {
      const float expected = c < 6 ? in[0].data[r * 6 + c]
                                   : clip_code((in[1].data[r * 7 + c - 6] - 50.0f) * m, 0.0f, 255.0f, 10.0f);
      ASSERT_EQ(y.data[r * 13 + c], expected);
    }
}

TEST(Concat, RefusesOtherShapes) {
  expect_error(ErrorCode::shape_mismatch, [&] {
    ops::infer_shape(ops::ConcatOp{0}, std::vector<Shape>{{3, 4}, {3, 5}});
  });
  expect_error(ErrorCode::invalid_argument, [&] {
    ops::infer_shape(ops::ConcatOp{2}, std::vector<Shape>{{3, 4}, {3, 4}});
  });
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(ops::ConcatOp{0}, {}); });
}

TEST(Clamp, F32PassesNaN) {
  std::vector<Values> in{random_values(f32_type({70}), 2, 1)};
  in[0].data[5] = std::numeric_limits<float>::quiet_NaN();
  const Values y = run_op(ops::ClampOp{kQuarterToHalf}, in, in[0].type);
  for (std::size_t i = 0; i < y.data.size(); ++i)
    if (i == 5)
      ASSERT_TRUE(std::isnan(y.data[i]));
    else
      ASSERT_EQ(y.data[i], clip(in[0].data[i]));
}

TEST(Clamp, U8) {
  const std::vector<Values> in{random_values(u8_type({7, 40, 40}, 0.005f, 128), 2, 1)};
  const Values y = run_op(ops::ClampOp{kQuarterToHalf}, in, in[0].type, 2);
  for (std::size_t i = 0; i < y.data.size(); ++i)
    ASSERT_EQ(y.data[i], std::min(228.0f, std::max(78.0f, in[0].data[i])));
  expect_error(ErrorCode::invalid_argument, [&] {
    run_op(ops::ClampOp{kQuarterToHalf}, in, u8_type({7, 40, 40}, 0.005f, 127));
  });
}

TEST(ScaleShift, F32AndU8) {
  const ops::ScaleShiftOp op{{0.5f, -1.25f, 3.0f}, {0.125f, 0.0f, -0.75f}, kQuarterToHalf};
  const Shape shape{3, 5, 7};
  const std::vector<Values> f32{random_values(f32_type(shape), 2, 1)},
      u8{random_values(u8_type(shape, 0.004f, 99), 2, 2)};
  const Values y = run_op(op, f32, f32[0].type), z = run_op(op, u8, u8_type(shape, 0.005f, 60));
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    const std::size_t c = i / 35 % 3;
    ASSERT_EQ(y.data[i], clip(f32[0].data[i] * op.scale[c] + op.shift[c]));
    const float m =
        static_cast<float>(static_cast<double>(0.004f) * op.scale[c] / static_cast<double>(0.005f));
    const float shift = static_cast<float>(op.shift[c] / static_cast<double>(0.005f));
    const float product = (u8[0].data[i] - 99.0f) * m;
    ASSERT_EQ(z.data[i], clip_code(product + shift, 10.0f, 160.0f, 60.0f));
  }
}

TEST(ScaleShift, OneFactorForAll) {
  const std::vector<Values> in{random_values(f32_type({3, 5}), 2, 1)};
  const Values y = run_op(ops::ScaleShiftOp{{2.0f}, {1.0f}, {}}, in, in[0].type);
  for (std::size_t i = 0; i < y.data.size(); ++i) ASSERT_EQ(y.data[i], in[0].data[i] * 2.0f + 1.0f);
  expect_error(ErrorCode::shape_mismatch, [&] {
    ops::infer_shape(ops::ScaleShiftOp{{1.0f, 2.0f}, {0.0f}, {}}, std::vector<Shape>{{3, 5}});
  });
}

// One factor runs through a table, one a channel through arithmetic.
TEST(ScaleShift, OneFactorGivesTheCodesOfAsManyAsChannels) {
  const ValueType out = u8_type({3, 40, 41}, 0.0123f, 7);
  const std::vector<Values> in{random_values(u8_type({3, 40, 41}, 0.004f, 99), 2, 3)};
  const ops::ScaleShiftOp one{{-1.7f}, {0.3f}, kQuarterToHalf},
      many{{-1.7f, -1.7f, -1.7f}, {0.3f, 0.3f, 0.3f}, kQuarterToHalf};
  EXPECT_EQ(run_op(one, in, out, 2).data, run_op(many, in, out).data);
}

TEST(Quantize, RoundTripsThroughDequantize) {
  for (const Shape& shape : {Shape{3, 9, 7}, Shape{8, 30, 31}, Shape{13}}) {
    const std::vector<Values> x{random_values(f32_type(shape), 2, 1)};
    const ValueType codes =
        u8_type(shape, 0.0078125f, 100);  // a power of two: the definition in double is exact
    const std::vector<Values> q{run_op(ops::QuantizeOp{}, x, codes, 2)};
    const Values y = run_op(ops::DequantizeOp{}, q, x[0].type, 2);
    for (std::size_t i = 0; i < y.data.size(); ++i) {
      ASSERT_EQ(q[0].data[i], code_of(x[0].data[i], codes.qparams));
      ASSERT_EQ(y.data[i], dequantized(q[0], i));
    }
  }
}

TEST(Quantize, RefusesOtherTypes) {
  const std::vector<Values> x{random_values(f32_type({4}), 1, 1)},
      q{random_values(u8_type({4}, 1.0f, 0), 1, 1)};
  expect_error(ErrorCode::unsupported, [&] { run_op(ops::QuantizeOp{}, q, u8_type({4}, 1.0f, 0)); });
  expect_error(ErrorCode::unsupported, [&] { run_op(ops::QuantizeOp{}, x, f32_type({4})); });
  expect_error(ErrorCode::unsupported, [&] { run_op(ops::DequantizeOp{}, x, f32_type({4})); });
  expect_error(ErrorCode::invalid_argument, [&] { run_op(ops::QuantizeOp{}, x, u8_type({4}, 1.0f, 256)); });
  expect_error(ErrorCode::invalid_argument, [&] { run_op(ops::QuantizeOp{}, x, u8_type({4}, 0.0f, 3)); });
}

}  // namespace
}  // namespace lowbit::testing
