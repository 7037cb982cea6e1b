// SPDX-License-Identifier: Apache-2.0
// The layout of samples and the sum type of the operators.
#include "lowbit/layers/layout.h"

#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

TEST(SampleLayout, F32) {
  const SampleLayout l = sample_layout({5, 3, 4}, DType::f32);
  EXPECT_EQ(l.height, 3);
  EXPECT_EQ(l.width, 4);
  EXPECT_EQ(l.channels, 5);
  EXPECT_EQ(l.pixel_stride, 5);
  EXPECT_EQ(l.zero_pixel(), 60);
  EXPECT_EQ(l.tail, 5);
  EXPECT_EQ(l.sample_stride, 80);  // 65 floats
  EXPECT_EQ(f32_type({5, 3, 4}).sample_bytes(), 320u);
}

TEST(SampleLayout, U8HasRoomForAPixelOfZeroPoints) {
  const SampleLayout l = sample_layout({70, 2, 3}, DType::u8);
  EXPECT_EQ(l.pixel_stride, 72);
  EXPECT_EQ(l.zero_pixel(), 432);
  EXPECT_GE(l.tail, 72);
  EXPECT_EQ(l.sample_stride % 64, 0);
  EXPECT_GE(l.sample_stride, l.zero_pixel() + l.tail);
  EXPECT_GE(sample_layout({1}, DType::u8).tail, 64);
}

TEST(SampleLayout, LowerRanks) {
  const SampleLayout sequence = sample_layout({6, 9}, DType::u8), row = sample_layout({9}, DType::f32);
  EXPECT_EQ(sequence.height, 1);
  EXPECT_EQ(sequence.width, 6);
  EXPECT_EQ(sequence.channels, 9);
  EXPECT_EQ(row.pixels(), 1);
  EXPECT_EQ(row.channels, 9);
  const SampleLayout four = sample_layout({5, 2, 3, 4}, DType::f32);
  EXPECT_EQ(four.height, 1);
  EXPECT_EQ(four.width, 30);
  EXPECT_EQ(four.channels, 4);
  EXPECT_EQ(sample_layout({}, DType::f32).pixels(), 1);
}

TEST(Op, DispatchesByVisit) {
  const ops::Op op = ops::MaxPoolOp{{{2, 2}, {2, 2}}, false}, conv = ops::Conv2dOp{},
                softmax = ops::SoftmaxOp{};
  EXPECT_EQ(ops::op_name(op), "MaxPool");
  EXPECT_EQ(ops::op_arithmetic(op), ops::Arithmetic::movement);
  EXPECT_EQ(ops::op_arithmetic(softmax), ops::Arithmetic::real);
  EXPECT_EQ(ops::infer_shape(op, std::vector<Shape>{{3, 4, 6}}), (Shape{3, 2, 3}));
  EXPECT_FALSE(ops::has_weights(op));
  EXPECT_TRUE(ops::has_weights(conv));
  const std::vector<Values> in{random_values(f32_type({3, 4, 6}), 1, 1)};
  EXPECT_EQ(run_op(op, in, f32_type({3, 2, 3})).data.size(), 18u);
}

}  // namespace
}  // namespace lowbit::testing
