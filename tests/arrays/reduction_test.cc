// SPDX-License-Identifier: Apache-2.0
// Operators along axes, against their definitions element by element.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

using Fold = std::function<double(const std::vector<double>&)>;

double sum_of(const std::vector<double>& values, double (*f)(double)) {
  double sum = 0;
  for (const double v : values) sum += f(v);
  return sum;
}

/// The elements that meet in each result, axes marked in `mask`.
Array reduced(const Array& in, unsigned mask, const Fold& fold) {
  std::vector<std::int64_t> dims(in.type.shape.dims().begin(), in.type.shape.dims().end());
  for (std::size_t a = 0; a < dims.size(); ++a)
    if (mask >> a & 1) dims[a] = 1;
  const Shape shape{std::span<const std::int64_t>(dims)};
  std::vector<std::vector<double>> groups(static_cast<std::size_t>(shape.elements()));
  for_each_coordinate(in.type.shape, [&](std::vector<std::int64_t> at, std::size_t i) {
    for (std::size_t a = 0; a < at.size(); ++a)
      if (mask >> a & 1) at[a] = 0;
    groups[place_of(shape, at)].push_back(in.floats[i]);
  });
  Array out({in.type.element, shape});
  for (std::size_t i = 0; i < groups.size(); ++i) out.floats[i] = static_cast<float>(fold(groups[i]));
  return out;
}

TEST(Reduction, FollowsItsDefinitionOverAllSetsOfAxes) {
  const std::pair<const char*, Fold> kFolds[] = {
      {"ReduceSum", [](const auto& v) { return sum_of(v, [](double x) { return x; }); }},
      {"ReduceMean",
       [](const auto& v) { return sum_of(v, [](double x) { return x; }) / static_cast<double>(v.size()); }},
      {"ReduceL1", [](const auto& v) { return sum_of(v, [](double x) { return std::fabs(x); }); }},
      {"ReduceL2", [](const auto& v) { return std::sqrt(sum_of(v, [](double x) { return x * x; })); }},
      {"ReduceSumSquare", [](const auto& v) { return sum_of(v, [](double x) { return x * x; }); }},
      {"ReduceLogSumExp",
       [](const auto& v) { return std::log(sum_of(v, [](double x) { return std::exp(x); })); }},
      {"ReduceMax", [](const auto& v) { return *std::max_element(v.begin(), v.end()); }},
      {"ReduceMin", [](const auto& v) { return *std::min_element(v.begin(), v.end()); }},
  };
  Random random(1);
  const Array in = random_array({ElementType::f32, Shape{3, 1, 4, 5}}, random);
  for (const auto& [op, fold] : kFolds)
    for (unsigned mask = 0; mask < 16; ++mask) {
      std::vector<std::int64_t> axes;
      for (int a = 0; a < 4; ++a)
        if (mask >> a & 1) axes.push_back(a % 2 == 0 ? a : a - 4);
      const Array want = reduced(in, mask, fold);
      const Array got = apply({op, 18, {ints("noop_with_empty_axes", {1})}}, {in, vector_of(axes)});
      ASSERT_EQ(got.type, want.type) << op << mask;
      for (std::size_t i = 0; i < want.floats.size(); ++i)
        ASSERT_NEAR(got.floats[i], want.floats[i], 1e-5 * std::fabs(want.floats[i]) + 1e-6) << op << mask;
      if (mask == 0) continue;
      const std::int64_t opset = std::string_view(op) == "ReduceSum" ? 11 : 17;
      const Array flat = apply({op, opset, {ints("axes", axes), ints("keepdims", {0})}}, {in});
      EXPECT_EQ(flat.floats, got.floats);
      EXPECT_EQ(flat.type.shape.rank(), 4 - static_cast<int>(axes.size()));
    }
}

TEST(Reduction, OfNothing) {
  const Array none({ElementType::f32, Shape{2, 0}});
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto of = [&](std::string_view op) { return apply({op, 20}, {none, vector_of({1})}).floats; };
  EXPECT_EQ(of("ReduceSum"), (std::vector<float>{0, 0}));
  EXPECT_EQ(of("ReduceProd"), (std::vector<float>{1, 1}));
  EXPECT_EQ(of("ReduceMax"), (std::vector<float>{-kInfinity, -kInfinity}));
  EXPECT_EQ(of("ReduceMin"), (std::vector<float>{kInfinity, kInfinity}));
  EXPECT_EQ(of("ReduceLogSum"), (std::vector<float>{-kInfinity, -kInfinity}));
  EXPECT_EQ(of("ReduceLogSumExp"), (std::vector<float>{-kInfinity, -kInfinity}));
  const Array no_bytes({ElementType::i8, Shape{0}});
  EXPECT_EQ(apply({"ReduceMax", 20}, {no_bytes}).integers, std::vector<std::int64_t>{-128});
  EXPECT_THROW(apply({"ReduceSum", 20}, {none, vector_of({2})}), Error);
  EXPECT_THROW(apply({"ReduceSum", 20, {}, 1, {1}}, {none, vector_of({1})}), Error);
}

TEST(Reduction, OfIntegers) {
  const Array bytes = integer_array(Shape{2, 2}, {100, 100, -7, 2}, ElementType::i8);
  const auto of = [&](std::string_view op) { return apply({op, 20}, {bytes, vector_of({1})}).integers; };
  EXPECT_EQ(of("ReduceSum"), (std::vector<std::int64_t>{-56, -5}));
  EXPECT_EQ(of("ReduceMean"), (std::vector<std::int64_t>{100, -2}));
  EXPECT_EQ(of("ReduceL1"), (std::vector<std::int64_t>{-56, 9}));
  EXPECT_EQ(of("ReduceMin"), (std::vector<std::int64_t>{100, -7}));
  const Array large = integer_array(Shape{2}, {-1, 5}, ElementType::u64);
  EXPECT_EQ(apply({"ReduceMax", 20}, {large}).integers, std::vector<std::int64_t>{-1});
  EXPECT_EQ(apply({"ReduceMin", 20}, {large}).integers, std::vector<std::int64_t>{5});
  const Array flags = integer_array(Shape{2, 2}, {0, 1, 0, 0}, ElementType::boolean);
  EXPECT_EQ(apply({"ReduceMax", 20}, {flags, vector_of({1})}).integers, (std::vector<std::int64_t>{1, 0}));
}

TEST(Softmax, TakesOneAxisOrAllFromOneOn) {
  Random random(2);
  const Array in = random_array({ElementType::f32, Shape{2, 3, 4}}, random);
  const Array new_one = apply({"Softmax", 13, {ints("axis", {1})}}, {in});
  const Array logs = apply({"LogSoftmax", 13, {ints("axis", {1})}}, {in});
  const Array old_one = apply({"Softmax", 11, {ints("axis", {1})}}, {in});
  for_each_coordinate(in.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
    double along = 0, all = 0;
    for (std::int64_t c = 0; c < 3; ++c) {
      along += std::exp(in.floats[place_of(in.type.shape, {at[0], c, at[2]})]);
      for (std::int64_t k = 0; k < 4; ++k) all += std::exp(in.floats[place_of(in.type.shape, {at[0], c, k})]);
    }
    EXPECT_NEAR(new_one.floats[i], std::exp(in.floats[i]) / along, 1e-6);
    EXPECT_NEAR(logs.floats[i], in.floats[i] - std::log(along), 1e-5);
    EXPECT_NEAR(old_one.floats[i], std::exp(in.floats[i]) / all, 1e-6);
  });
  const Array ties = float_array(Shape{2, 3}, {1, 3, 3, 2, 2, 1});
  EXPECT_EQ(apply({"Hardmax", 13}, {ties}).floats, (std::vector<float>{0, 1, 0, 1, 0, 0}));
}

TEST(Cumulative, RunsInFourWays) {
  Random random(3);
  const Shape shape{2, 5, 3};
  for (const ElementType type : {ElementType::f32, ElementType::i32})
    for (std::int64_t axis = -3; axis < 3; ++axis)
      for (const std::int64_t exclusive : {0, 1})
        for (const std::int64_t reverse : {0, 1})
          for (const bool is_sum : {true, false}) {
            const Array in = random_array({type, shape}, random);
            const Array out = apply({is_sum ? "CumSum" : "CumProd",
                                     26,
                                     {ints("exclusive", {exclusive}), ints("reverse", {reverse})}},
                                    {in, scalar_of(axis)});
            const auto a = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
            const auto value = [&](const Array& array, std::size_t i) {
              return type == ElementType::f32 ? array.floats[i] : static_cast<double>(array.integers[i]);
            };
            for_each_coordinate(shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
              double want = is_sum ? 0 : 1;
              for (std::int64_t k = 0; k < shape[static_cast<int>(a)]; ++k) {
                std::vector<std::int64_t> from = at;
                from[a] = k;
                const std::int64_t before = reverse ? k - at[a] : at[a] - k;
                if (before < exclusive) continue;
                const double v = value(in, place_of(shape, from));
                want = is_sum ? want + v : want * v;
              }
              ASSERT_EQ(value(out, i), want);
            });
          }
}

}  // namespace
}  // namespace lowbit::testing
