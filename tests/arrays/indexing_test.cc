// SPDX-License-Identifier: Apache-2.0
// Operators that read and write at places that an input names, against their definitions element by element.
#include <gtest/gtest.h>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

const std::vector<std::int64_t> kWild = {INT64_MIN, -100, -3, 2, 100, INT64_MAX};  // of an axis of 3

TEST(Indexing, GathersAndMovesComputedIndicesInside) {
  const Array in = counted_array(Shape{2, 3, 2});
  const Array out = apply({"Gather", 13, {ints("axis", {1})}, 1, {1}}, {in, vector_of(kWild)});
  ASSERT_EQ(out.type.shape, (Shape{2, 6, 2}));
  const std::vector<std::int64_t> places = {0, 0, 0, 2, 2, 2};
  for_each_coordinate(out.type.shape, [&](std::vector<std::int64_t> at, std::size_t i) {
    at[1] = places[static_cast<std::size_t>(at[1])];
    ASSERT_EQ(out.floats[i], in.floats[place_of(in.type.shape, at)]);
  });
  EXPECT_THROW(apply({"Gather", 13, {ints("axis", {1})}}, {in, vector_of({3})}), Error);
  EXPECT_THROW(apply({"Gather", 13, {}, 1, {1}}, {counted_array(Shape{0, 2}), vector_of({0})}), Error);
  EXPECT_EQ(apply({"Gather", 13}, {vector_of({4, 5}), scalar_of(-1)}), scalar_of(5));
}

TEST(Indexing, GathersElementsAlongEachAxis) {
  Random random(5);
  const Shape shape{3, 4, 5};
  const Array in = counted_array(shape);
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<std::int64_t> dims = {2, 3, 4};
    dims[static_cast<std::size_t>(axis)] = 7;
    Array indices({ElementType::i64, Shape(dims)});
    for (std::int64_t& v : indices.integers) v = random.integer(-shape[axis], shape[axis] - 1);
    const Array out = apply({"GatherElements", 13, {ints("axis", {axis})}}, {in, indices});
    for_each_coordinate(indices.type.shape, [&](std::vector<std::int64_t> at, std::size_t i) {
      const std::int64_t index = indices.integers[i];
      at[static_cast<std::size_t>(axis)] = index < 0 ? index + shape[axis] : index;
      ASSERT_EQ(out.floats[i], in.floats[place_of(shape, at)]);
    });
  }
  const Array wild = apply({"GatherElements", 13, {}, 1, {1}}, {counted_array(Shape{3}), vector_of(kWild)});
  EXPECT_EQ(wild.floats, (std::vector<float>{0, 0, 0, 2, 2, 2}));
  EXPECT_THROW(apply({"GatherElements", 13}, {in, integer_array(Shape{1, 5, 1}, {0, 0, 0, 0, 0})}), Error);
}

TEST(Indexing, GathersSlicesWithAndWithoutBatches) {
  const Array in = counted_array(Shape{2, 2, 2});
  EXPECT_EQ(apply({"GatherND", 13}, {in, integer_array(Shape{2, 2}, {0, 1, -1, 0})}).floats,
            (std::vector<float>{2, 3, 4, 5}));
  const Array batched =
      apply({"GatherND", 13, {ints("batch_dims", {1})}}, {in, integer_array(Shape{2, 1}, {1, 0})});
  EXPECT_EQ(batched, float_array(Shape{2, 2}, {2, 3, 4, 5}));
  EXPECT_EQ(
      apply({"GatherND", 13, {}, 1, {1}}, {in, integer_array(Shape{1, 3}, {INT64_MIN, 7, INT64_MAX})}).floats,
      (std::vector<float>{3}));
  EXPECT_THROW(apply({"GatherND", 13}, {in, integer_array(Shape{1, 4}, {0, 0, 0, 0})}), Error);
  EXPECT_THROW(apply({"GatherND", 13}, {in, integer_array(Shape{1, 1}, {2})}), Error);
}

TEST(Indexing, ScattersWithEveryReduction) {
  const Array in = integer_array(Shape{4}, {100, 2, 3, 4}, ElementType::i8);
  const Array updates = integer_array(Shape{3}, {50, -7, 3}, ElementType::i8);
  const auto scatter = [&](std::string_view reduction) {
    return apply({"ScatterElements", 18, {text("reduction", reduction)}},
                 {in, vector_of({0, 0, -1}), updates})
        .integers;
  };
  EXPECT_EQ(scatter("none"), (std::vector<std::int64_t>{-7, 2, 3, 3}));
  EXPECT_EQ(scatter("add"), (std::vector<std::int64_t>{-113, 2, 3, 7})) << "143 wraps around";
  EXPECT_EQ(scatter("mul"), (std::vector<std::int64_t>{static_cast<std::int8_t>(100 * 50 * -7), 2, 3, 12}));
  EXPECT_EQ(scatter("max"), (std::vector<std::int64_t>{100, 2, 3, 4}));
  EXPECT_EQ(scatter("min"), (std::vector<std::int64_t>{-7, 2, 3, 3}));
  EXPECT_THROW(scatter("mean"), Error);
  EXPECT_EQ(apply({"ScatterElements", 18, {}, 1, {1}},
                  {counted_array(Shape{3}), vector_of(kWild), counted_array(Shape{6})})
                .floats,
            (std::vector<float>{2, 1, 5}));
}

TEST(Indexing, ScattersSlices) {
  const Array in = counted_array(Shape{3, 2});
  const Array out =
      apply({"ScatterND", 18, {text("reduction", "add")}},
            {in, integer_array(Shape{2, 1}, {1, 1}), float_array(Shape{2, 2}, {10, 20, 30, 40})});
  EXPECT_EQ(out.floats, (std::vector<float>{0, 1, 42, 63, 4, 5}));
  EXPECT_THROW(apply({"ScatterND", 18}, {in, integer_array(Shape{2, 1}, {1, 1}), counted_array(Shape{2, 3})}),
               Error);
}

TEST(Indexing, WritesIntoACache) {
  const Array cache = counted_array(Shape{2, 1, 4, 1}),
              update = float_array(Shape{2, 1, 2, 1}, {-1, -2, -3, -4});
  EXPECT_EQ(apply({"TensorScatter", 24}, {cache, update, vector_of({1, 99})}).floats,
            (std::vector<float>{0, -1, -2, 3, 4, 5, -3, -4}));
  EXPECT_EQ(
      apply({"TensorScatter", 24, {text("mode", "circular")}}, {cache, update, vector_of({3, 0})}).floats,
      (std::vector<float>{-2, 1, 2, -1, -3, -4, 6, 7}));
}

TEST(Indexing, ChoosesByBroadcastConditions) {
  Random random(11);
  const Shape shapes[] = {{3, 1, 4}, {2, 1}, {3, 2, 4}};
  const Array condition = random_array({ElementType::boolean, shapes[0]}, random);
  const Array a = random_array({ElementType::f32, shapes[1]}, random);
  const Array b = random_array({ElementType::f32, shapes[2]}, random);
  const Array out = apply({"Where", 16}, {condition, a, b});
  for_each_coordinate(out.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
    const bool holds = condition.integers[place_of(shapes[0], {at[0], 0, at[2]})] != 0;
    ASSERT_EQ(out.floats[i], holds ? a.floats[place_of(shapes[1], {at[1], 0})] : b.floats[i]);
  });
  EXPECT_EQ(apply({"Where", 16}, {integer_array(Shape{1}, {0}, ElementType::boolean), a, b}).floats,
            b.floats);
}

TEST(Indexing, SortsTheFirstOfEachLine) {
  Random random(13);
  for (const std::int64_t largest : {0, 1}) {
    const Array in = random_array({ElementType::f32, {4, 9, 3}}, random);
    const auto out =
        apply_all({"TopK", 11, {ints("axis", {1}), ints("largest", {largest})}, 2}, {in, vector_of({5})});
    for (std::int64_t o = 0; o < 4; ++o)
      for (std::int64_t c = 0; c < 3; ++c) {
        std::vector<std::pair<float, std::int64_t>> line;
        for (std::int64_t i = 0; i < 9; ++i) {
          const float v = in.floats[place_of(in.type.shape, {o, i, c})];
          line.emplace_back(largest != 0 ? -v : v, i);
        }
        std::sort(line.begin(), line.end());
        for (std::int64_t i = 0; i < 5; ++i) {
          const std::size_t at = place_of(Shape{4, 5, 3}, {o, i, c});
          ASSERT_EQ(out[1].integers[at], line[static_cast<std::size_t>(i)].second);
          ASSERT_EQ(std::fabs(out[0].floats[at]), std::fabs(line[static_cast<std::size_t>(i)].first));
        }
      }
  }
  const Array nan = float_array(Shape{4}, {1, std::nanf(""), 3, 2});
  EXPECT_EQ(apply_all({"TopK", 11, {}, 2}, {nan, vector_of({2})})[1].integers,
            (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(apply_all({"TopK", 1, {ints("k", {1})}, 2}, {nan})[1].integers, (std::vector<std::int64_t>{1}));
  EXPECT_THROW(apply_all({"TopK", 11, {}, 2}, {nan, vector_of({5})}), Error);
}

TEST(Indexing, FindsTheFirstOrTheLastExtreme) {
  const Array in = integer_array(Shape{2, 3}, {1, -1, 1, 5, 5, 4}, ElementType::u64);  // -1: the largest
  EXPECT_EQ(apply({"ArgMax", 13, {ints("axis", {1}), ints("keepdims", {0})}}, {in}), vector_of({1, 0}));
  EXPECT_EQ(apply({"ArgMax", 13, {ints("axis", {1}), ints("select_last_index", {1})}}, {in}),
            integer_array(Shape{2, 1}, {1, 1}));
  EXPECT_EQ(apply({"ArgMin", 13, {ints("select_last_index", {1}), ints("keepdims", {0})}}, {in}),
            vector_of({0, 1, 0}));
  EXPECT_THROW(apply({"ArgMin", 13}, {counted_array(Shape{0, 2})}), Error);
}

TEST(Indexing, MarksPlaces) {
  const Array values = float_array(Shape{2}, {-1, 7});
  EXPECT_EQ(apply({"OneHot", 11}, {vector_of({1, -1, 3}), scalar_of(3), values}),
            float_array(Shape{3, 3}, {-1, 7, -1, -1, -1, 7, -1, -1, -1}));
  EXPECT_EQ(
      apply({"OneHot", 11, {ints("axis", {0})}}, {float_array(Shape{2}, {1, 0}), vector_of({2}), values}),
      float_array(Shape{2, 2}, {-1, 7, 7, -1}));
  EXPECT_EQ(apply({"OneHot", 11}, {vector_of({INT64_MIN, INT64_MAX}), scalar_of(1), values}).floats,
            (std::vector<float>{-1, -1}));
}

TEST(Indexing, KeepsWhatAKnownConditionSays) {
  const Array in = counted_array(Shape{3, 2});
  const Array condition = integer_array(Shape{2}, {0, 1}, ElementType::boolean);
  EXPECT_EQ(apply({"Compress", 11, {ints("axis", {0})}}, {in, condition}), float_array(Shape{1, 2}, {2, 3}));
  EXPECT_EQ(apply({"Compress", 11, {ints("axis", {1})}}, {in, condition}),
            float_array(Shape{3, 1}, {1, 3, 5}));
  EXPECT_EQ(apply({"Compress", 11}, {in, condition}), float_array(Shape{1}, {1}));
  EXPECT_THROW(apply({"Compress", 11, {}, 1, {1}}, {in, condition}), Error);
  EXPECT_EQ(apply({"NonZero", 13}, {float_array(Shape{2, 2}, {1, 0, 1, 1})}),
            integer_array(Shape{2, 3}, {0, 1, 1, 0, 0, 1}));
}

}  // namespace
}  // namespace lowbit::testing
