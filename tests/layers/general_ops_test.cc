// SPDX-License-Identifier: Apache-2.0
// Operators on samples of any shape (Binary, Reduce, Transpose, LRN) and those that move elements in more
// than three dimensions, against the interpreter, which walks logical indices in double.
#include "layers/against_interpreter.h"

namespace lowbit::testing {
namespace {

const std::vector<std::pair<Shape, Shape>> kBroadcasts = {{{5}, {5}},
                                                          {{5}, {1}},
                                                          {{1}, {5}},
                                                          {{3, 5}, {3, 5}},
                                                          {{3, 5}, {1, 5}},
                                                          {{3, 5}, {3, 1}},
                                                          {{3, 1}, {1, 5}},
                                                          {{3, 4, 5}, {3, 4, 5}},
                                                          {{3, 4, 5}, {3, 1, 1}},
                                                          {{1, 4, 5}, {3, 1, 5}},
                                                          {{3, 4, 5}, {1, 1, 1}},
                                                          {{2, 3, 4, 5}, {2, 1, 4, 1}},
                                                          {{2, 3, 4, 2, 3}, {1, 3, 1, 2, 1}},
                                                          {{300}, {300}},
                                                          {{600, 1, 1}, {600, 2, 1}},
                                                          {{16, 40, 41}, {16, 1, 1}}};

TEST(Binary, RepeatsAxes) {
  for (const auto& [a, b] : kBroadcasts)
    for (const auto f : {ops::BinaryFunction::add, ops::BinaryFunction::sub, ops::BinaryFunction::mul,
                         ops::BinaryFunction::div, ops::BinaryFunction::max, ops::BinaryFunction::min}) {
      SCOPED_TRACE(a.to_string() + " " + std::string(ops::binary_name(f)) + " " + b.to_string());
      std::vector<Values> in{random_values(f32_type(a), 2, 1), random_values(f32_type(b), 2, 2)};
      for (float& x : in[1].data) x = x < 0 ? x - 0.5f : x + 0.5f;  // divisors
      expect_floats(ops::BinaryOp{f}, in, 1e-6);
    }
}

TEST(Binary, TakesConstants) {
  for (const auto& [a, b] : kBroadcasts)
    for (const bool first : {false, true}) {
      const Values constant = random_values(f32_type(b), 1, 2);
      const ops::BinaryOp op{ops::BinaryFunction::sub, Tensor(b, constant.data), first};
      expect_floats(op, {random_values(f32_type(a), 2, 1)}, 1e-6);
    }
}

TEST(Binary, OnCodesIsTheCodeOfTheReals) {
  for (const auto& [a, b] : kBroadcasts)
    for (const auto f : {ops::BinaryFunction::add, ops::BinaryFunction::mul, ops::BinaryFunction::max}) {
      const std::vector<Values> in{random_values(u8_type(a, 0.02f, 120), 2, 1),
                                   random_values(u8_type(b, 0.013f, 7), 2, 2)};
      const ops::BinaryOp op{f};
      const ValueType type = u8_type(shape_of(op, in), 0.04f, 90);
      const Values y = run_op(op, in, type), again = run_op(op, in, type, 2);
      EXPECT_EQ(y.data, again.data);
      const std::vector<double> want = expected(op, in);
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double steps = want[i] / static_cast<double>(0.04f);
        if (std::fabs(std::fabs(steps - std::floor(steps)) - 0.5) < 1e-3) continue;  // either neighbour
        ASSERT_EQ(y.data[i], code_of(want[i], type.qparams)) << i;
      }
    }
}

TEST(Binary, RefusesShapesThatDoNotGoTogether) {
  const auto shape = [](const Shape& a, const Shape& b) {
    return [=] { ops::infer_shape(ops::BinaryOp{}, std::vector<Shape>{a, b}); };
  };
  expect_error(ErrorCode::shape_mismatch, shape({3}, {4}));
  expect_error(ErrorCode::shape_mismatch, shape({3, 4}, {4}));
  expect_error(ErrorCode::invalid_argument, [] {
    ops::infer_shape(ops::BinaryOp{static_cast<ops::BinaryFunction>(77)}, std::vector<Shape>{{3}, {3}});
  });
}

TEST(Reduce, OverEverySetOfAxes) {
  for (const Shape& shape : {Shape{6}, Shape{4, 5}, Shape{3, 4, 5}, Shape{2, 3, 4, 5}, Shape{2, 1, 3, 2, 4}})
    for (int r = 0; r <= static_cast<int>(ops::Reduction::log_sum_exp); ++r)
      for (unsigned set = 1; set < 1u << shape.rank(); ++set)
        for (const bool keep : {true, false}) {
          ops::ReduceOp op{static_cast<ops::Reduction>(r), {}, keep};
          for (int axis = 0; axis < shape.rank(); ++axis)
            if (set >> axis & 1) op.axes.push_back(axis);
          if (!keep && static_cast<int>(op.axes.size()) == shape.rank()) continue;
          std::vector<Values> in{random_values(f32_type(shape), 2, 3)};
          if (op.reduction == ops::Reduction::log_sum)
            for (float& x : in[0].data) x = std::fabs(x) + 0.1f;
          SCOPED_TRACE(shape.to_string() + " reduction " + std::to_string(r) + " axes " +
                       std::to_string(set));
          expect_floats(op, in, 1e-6);
        }
}

TEST(Reduce, RefusesAxesThatAreNotThere) {
  for (const std::vector<std::int64_t>& axes : {std::vector<std::int64_t>{2}, {-1}, {1, 0}, {0, 0}})
    expect_error(ErrorCode::invalid_argument, [&] {
      ops::infer_shape(ops::ReduceOp{ops::Reduction::sum, axes}, std::vector<Shape>{{3, 4}});
    });
}

TEST(Transpose, EveryOrderOfAxes) {
  for (const Shape& shape :
       {Shape{5}, Shape{4, 5}, Shape{3, 4, 5}, Shape{2, 3, 4, 5}, Shape{2, 3, 1, 4, 2}}) {
    std::vector<std::int64_t> axes;
    for (int i = 0; i < shape.rank(); ++i) axes.push_back(i);
    do {
      const ops::TransposeOp op{axes};
      expect_floats(op, {random_values(f32_type(shape), 2, 3)}, 0);
      const std::vector<Values> codes{random_values(u8_type(shape, 1.0f, 0), 2, 4)};
      const Values y = run_op(op, codes, u8_type(shape_of(op, codes), 1.0f, 0));
      const std::vector<double> want = expected(op, codes);
      for (std::size_t i = 0; i < want.size(); ++i) ASSERT_EQ(y.data[i], want[i]);
    } while (std::next_permutation(axes.begin(), axes.end()));
  }
  for (const std::vector<std::int64_t>& axes : {std::vector<std::int64_t>{0}, {0, 0}, {0, 2}, {0, 1, 2}})
    expect_error(ErrorCode::invalid_argument, [&] {
      ops::infer_shape(ops::TransposeOp{axes}, std::vector<Shape>{{3, 4}});
    });
}

TEST(MatMul, OfMatricesSideBySide) {
  const std::vector<std::pair<Shape, Shape>> shapes = {{{4, 5}, {5, 6}},       {{1, 7}, {7, 1}},
                                                       {{3, 4, 5}, {3, 5, 2}}, {{3, 4, 5}, {1, 5, 2}},
                                                       {{1, 4, 5}, {6, 5, 9}}, {{2, 3, 4, 5}, {2, 1, 5, 3}}};
  for (const auto& [a, b] : shapes)
    expect_floats(ops::MatMulOp{}, {random_values(f32_type(a), 2, 1), random_values(f32_type(b), 2, 2)},
                  1e-6);
  const std::vector<std::vector<Shape>> others = {
      {{4, 5}, {4, 5}}, {{5}, {5}}, {{2, 4, 5}, {3, 5, 4}}, {{4, 5}, {1, 5, 4}}};
  for (const std::vector<Shape>& both : others)
    expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(ops::MatMulOp{}, both); });
}

TEST(MatMul, OfCodes) {
  const std::vector<std::pair<Shape, Shape>> shapes = {{{4, 5}, {5, 6}},
                                                       {{1, 7}, {7, 1}},
                                                       {{3, 4, 5}, {3, 5, 2}},
                                                       {{1, 4, 5}, {6, 5, 9}},
                                                       {{2, 3, 40, 50}, {2, 1, 50, 33}}};
  for (const auto& [a, b] : shapes) {
    const std::vector<Values> in{random_values(u8_type(a, 0.01f, 117), 2, 1),
                                 random_values(u8_type(b, 0.02f, 3), 2, 2)};
    const Values y = run_op(ops::MatMulOp{}, in, u8_type(shape_of(ops::MatMulOp{}, in), 0.1f, 100));
    const std::vector<double> want = expected(ops::MatMulOp{}, in);
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(y.data[i], std::min(255.0, std::max(0.0, want[i] / 0.1f + 100)), 0.501) << i;
  }
}

/// Sums beyond 32 bits: codes all at one end.
TEST(MatMul, OfManyCodes) {
  std::vector<Values> in{random_values(u8_type({2, 70001}, 0.01f, 0), 1, 1),
                         random_values(u8_type({70001, 3}, 0.01f, 0), 1, 2)};
  for (Values& v : in) std::fill(v.data.begin(), v.data.end(), 255.0f);
  const Values y = run_op(ops::MatMulOp{}, in, u8_type({2, 3}, 4000.0f, 0));
  for (const float v : y.data) EXPECT_EQ(v, std::nearbyint(2.55 * 2.55 * 70001 / 4000));
}

TEST(MatMul, OfCodesHasTheSameBitsEverywhere) {
  const std::vector<Values> in{random_values(u8_type({3, 40, 51}, 0.01f, 117), 2, 1),
                               random_values(u8_type({3, 51, 33}, 0.02f, 99), 2, 2)};
  const Values y = run_op(ops::MatMulOp{}, in, u8_type({3, 40, 33}, 0.013f, 100));
  EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), 0x84ee4d07949d91d8u);
}

TEST(Lrn, OfEverySize) {
  for (std::int64_t size = 1; size < 9; ++size)
    expect_floats(ops::LrnOp{size, 0.5f, 0.75f, 1.5f}, {random_values(f32_type({6, 5, 4}), 2, 3)}, 1e-6);
  expect_error(ErrorCode::invalid_argument, [] {
    ops::infer_shape(ops::LrnOp{0}, std::vector<Shape>{{3, 4, 4}});
  });
}

TEST(ManyDimensions, MoveAsLogicalIndicesSay) {
  const Shape shape{2, 3, 4, 5};
  const std::vector<Values> in{random_values(f32_type(shape), 2, 3)};
  expect_floats(ops::ReshapeOp{{6, 4, 5}}, in, 0);
  expect_floats(ops::ReshapeOp{{2, 3, 2, 2, 5}}, in, 0);
  expect_floats(ops::FlattenOp{}, in, 0);
  expect_floats(ops::SliceOp{{1, 0, 1, 0}, {1, 2, 1, 3}, {1, 2, 3, 2}}, in, 0);
  expect_floats(ops::PadOp{{1, 0, -1, 2}, {0, 1, 0, -1}, 0.5f}, in, 0);
  expect_floats(ops::SoftmaxOp{1}, in, 1e-6);
  expect_floats(ops::SoftmaxOp{3}, in, 1e-6);
  for (std::int64_t axis = 0; axis < 4; ++axis)
    expect_floats(ops::ConcatOp{axis}, {in[0], random_values(f32_type(shape), 2, 4)}, 0);
  const std::vector<Values> codes{random_values(u8_type(shape, 0.5f, 3), 2, 4)};
  const Values y = run_op(ops::ReshapeOp{{4, 5, 6}}, codes, u8_type({4, 5, 6}, 0.5f, 3));
  EXPECT_EQ(y.data, codes[0].data);
}

}  // namespace
}  // namespace lowbit::testing
