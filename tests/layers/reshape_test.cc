// SPDX-License-Identifier: Apache-2.0
// Movement of elements: against index arithmetic on logical tensors, for floats and codes.
#include "lowbit/layers/reshape.h"

#include "layers/layer_test.h"
#include "support/counting_new.h"

namespace lowbit::testing {
namespace {

std::vector<ValueType> both_types(const Shape& shape) {
  return {f32_type(shape), u8_type(shape, 0.5f, 9)};
}

ValueType with_shape(ValueType type, const Shape& shape) {
  type.shape = shape;
  return type;
}

TEST(Reshape, KeepsLogicalOrder) {
  const std::vector<std::pair<Shape, Shape>> cases{
      {{5, 4, 3}, {60}},         {{60}, {5, 4, 3}},
      {{6, 4, 3}, {12, 6}},      {{7, 1, 1}, {7}},
      {{4, 5}, {2, 10}},         {{3, 4, 6}, {6, 2, 6}},
      {{4, 6, 9}, {6, 4, 9}},    {{2, 3, 35}, {7, 5, 6}},
      {{40, 6}, {40, 2, 3}},     {{35, 24}, {20, 42}},
      {{1, 1, 1}, {1}},          {{3, 0, 2}, {0, 5}},
      {{2, 3, 2, 5}, {3, 4, 5}}, {{2, 2, 2, 3, 3, 3}, {4, 6, 9}}};
  for (const auto& [from, to] : cases)
    for (const ValueType& type : both_types(from)) {
      ops::ReshapeOp op;
      op.shape.assign(to.dims().begin(), to.dims().end());
      const std::vector<Values> in{random_values(type, 2, 1)};
      EXPECT_EQ(run_op(op, in, with_shape(type, to), 2).data, in[0].data)
          << from.to_string() << " " << to.to_string();
    }
}

TEST(Reshape, KeepsLogicalOrderOfAnyFactors) {
  Random random(8);
  for (int i = 0; i < 300; ++i) {
    // The same primes, put into axes in two ways.
    std::vector<std::int64_t> shapes[2];
    for (std::vector<std::int64_t>& dims : shapes) {
      dims.assign(static_cast<std::size_t>(random.integer(1, 4)), 1);
      for (const std::int64_t prime : {2, 2, 3, 3, 5, 7})
        dims[static_cast<std::size_t>(random.integer(0, static_cast<int>(dims.size()) - 1))] *= prime;
    }
    const Shape from(shapes[0]), to(shapes[1]);
    for (const ValueType& type : both_types(from)) {
      const std::vector<Values> in{random_values(type, 2, 1)};
      ASSERT_EQ(run_op(ops::ReshapeOp{shapes[1]}, in, with_shape(type, to), 2).data, in[0].data)
          << from.to_string() << " " << to.to_string();
    }
  }
}

TEST(Reshape, TakesNoMemoryForEachElement) {
  const ValueType in = f32_type({64, 128, 128});
  ValueType out = in;
  for (const Shape& to : {Shape{1024, 16, 64}, Shape{1 << 20}, Shape{32, 64, 512}}) {
    out.shape = to;
    ops::StepSpec spec;
    spec.inputs = {&in}, spec.output = &out, spec.isa = active_isa();
    const ops::ReshapeOp op{{to.dims().begin(), to.dims().end()}};
    restart_peak();
    const std::size_t before = live_bytes();
    const auto step = ops::make_step(op, spec);
    EXPECT_LT(peak_bytes() - before, std::size_t{1} << 14) << to.to_string();
  }
}

TEST(Flatten, KeepsLogicalOrder) {
  for (const ValueType& type : both_types({5, 3, 7})) {
    const std::vector<Values> in{random_values(type, 3, 2)};
    EXPECT_EQ(run_op(ops::FlattenOp{}, in, with_shape(type, {105})).data, in[0].data);
  }
}

TEST(Slice, TakesElements) {
  const ops::SliceOp op{{1, 0, 2}, {2, 3, 1}, {3, 2, 4}};
  for (const ValueType& type : both_types({6, 5, 7})) {
    const std::vector<Values> in{random_values(type, 2, 3)};
    const Values y = run_op(op, in, with_shape(type, shape_of(op, in)));
    ASSERT_EQ(y.type.shape, (Shape{3, 2, 4}));
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t h = 0; h < 2; ++h)
          for (std::int64_t w = 0; w < 4; ++w)
            ASSERT_EQ(at(y, b, c, h, w), at(in[0], b, 1 + 2 * c, 3 * h, 2 + w));
  }
}

TEST(Slice, TakesElementsOfRank1And2) {
  for (const ValueType& type : both_types({4, 9})) {
    const std::vector<Values> in{random_values(type, 2, 4)};
    const Values y = run_op(ops::SliceOp{{1, 3}, {2, 2}, {2, 3}}, in, with_shape(type, {2, 3}));
    for (std::size_t b = 0; b < 2; ++b)
      for (std::size_t t = 0; t < 2; ++t)
        for (std::size_t f = 0; f < 3; ++f)
          ASSERT_EQ(y.data[(b * 2 + t) * 3 + f], in[0].data[(b * 4 + 1 + 2 * t) * 9 + 3 + 2 * f]);
  }
  const std::vector<Values> in{random_values(f32_type({9}), 1, 4)};
  EXPECT_EQ(run_op(ops::SliceOp{{8}, {5}, {1}}, in, f32_type({1})).data[0], in[0].data[8]);
}

TEST(Slice, RefusesWhatLeavesTheAxis) {
  const std::vector<Shape> in{{9}};
  for (const ops::SliceOp& bad : {ops::SliceOp{{-1}, {1}, {1}},
                                  {{0}, {0}, {1}},
                                  {{0}, {1}, {10}},
                                  {{1}, {4}, {4}},
                                  {{9}, {1}, {1}},
                                  {{0}, {INT64_MAX}, {3}},
                                  {{0}, {1}, {-1}}})
    expect_error(ErrorCode::invalid_argument, [&] { ops::infer_shape(bad, in); });
  expect_error(ErrorCode::shape_mismatch, [&] {
    ops::infer_shape(ops::SliceOp{{0, 0}, {1, 1}, {1, 1}}, in);
  });
}

TEST(Pad, AddsAndRemoves) {
  for (const std::vector<std::int64_t>& before :
       {std::vector<std::int64_t>{1, 2, 0}, {0, -1, 3}, {-2, 1, -1}})
    for (const ValueType& type : both_types({5, 4, 6})) {
      const ops::PadOp op{before, {2, -1, 1}, 3.26f};
      const std::vector<Values> in{random_values(type, 2, 5)};
      const Values y = run_op(op, in, with_shape(type, shape_of(op, in)));
      const float value = type.dtype == DType::u8 ? 7.0f + 9.0f : 3.26f;  // 3.26 / 0.5 rounds to 7
      const Shape& s = y.type.shape;
      EXPECT_EQ(s[0], 5 + before[0] + 2);
      for (std::int64_t b = 0; b < 2; ++b)
        for (std::int64_t c = 0; c < s[0]; ++c)
          for (std::int64_t h = 0; h < s[1]; ++h)
            for (std::int64_t w = 0; w < s[2]; ++w) {
              const std::int64_t ic = c - before[0], ih = h - before[1], iw = w - before[2];
              const bool inside = ic >= 0 && ic < 5 && ih >= 0 && ih < 4 && iw >= 0 && iw < 6;
              ASSERT_EQ(at(y, b, c, h, w), inside ? at(in[0], b, ic, ih, iw) : value);
            }
    }
}

TEST(Movement, RefusesOtherParametersAndShapes) {
  const std::vector<Values> in{random_values(u8_type({6}, 0.5f, 3), 1, 15)};
  expect_error(ErrorCode::invalid_argument, [&] { run_op(ops::FlattenOp{}, in, u8_type({6}, 0.5f, 4)); });
  expect_error(ErrorCode::invalid_argument, [&] {
    run_op(ops::PadOp{{1}, {0}, 0}, in, u8_type({7}, 0.25f, 3));
  });
  expect_error(ErrorCode::invalid_argument, [&] {
    run_op(ops::SliceOp{{0}, {1}, {2}}, in, u8_type({2}, 0.25f, 3));
  });
  expect_error(ErrorCode::shape_mismatch, [&] { run_op(ops::ReshapeOp{{7}}, in, u8_type({7}, 0.5f, 3)); });
  expect_error(ErrorCode::invalid_argument, [&] {
    ops::infer_shape(ops::PadOp{{-3}, {-4}, 0}, std::vector<Shape>{{6}});
  });
}

}  // namespace
}  // namespace lowbit::testing
