// SPDX-License-Identifier: Apache-2.0
// Operators that put elements to other places, against their definitions element by element.
#include <gtest/gtest.h>

#include "arrays/apply_function.h"
#include "arrays/registry.h"
#include "lowbit/core/error.h"
#include "support/counting_new.h"

namespace lowbit::testing {
namespace {

TEST(Movement, TransposesByEveryPermutation) {
  const Shape shape{2, 3, 1, 17};
  const Array in = counted_array(shape);
  std::vector<std::int64_t> order = {0, 1, 2, 3};
  do {
    const Array out = apply({"Transpose", 22, {ints("perm", order)}}, {in});
    for_each_coordinate(out.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
      std::vector<std::int64_t> from(4);
      for (std::size_t a = 0; a < 4; ++a) from[static_cast<std::size_t>(order[a])] = at[a];
      ASSERT_EQ(out.floats[i], in.floats[place_of(shape, from)]);
    });
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_THROW(apply({"Transpose", 22, {ints("perm", {0, 1, 1, 3})}}, {in}), Error);
}

/// As Python slices a list, but for a start before the first element, which the standard moves to it.
std::vector<std::int64_t> sliced_places(std::int64_t size, std::int64_t start, std::int64_t end,
                                        std::int64_t step) {
  std::vector<std::int64_t> places;
  if (start < 0) start = std::max<std::int64_t>(start + size, 0);
  if (end < 0) end = std::max<std::int64_t>(end + size, step < 0 ? -1 : 0);
  start = std::min(start, step < 0 ? size - 1 : size);
  end = std::min(end, step < 0 ? size - 1 : size);
  for (std::int64_t i = start; step > 0 ? i < end : i > end; i += step) places.push_back(i);
  return places;
}

TEST(Movement, SlicesAsTheStandardSays) {
  Random random(3);
  const Array in = counted_array(Shape{3, 7, 4});
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t start = random.integer(-9, 9), end = random.integer(-9, 9);
    const std::int64_t step = (random.next() & 1u) != 0 ? random.integer(1, 4) : random.integer(-4, -1);
    const Array out =
        apply({"Slice", 13}, {in, vector_of({start}), vector_of({end}), vector_of({-2}), vector_of({step})});
    const auto places = sliced_places(7, start, end, step);
    ASSERT_EQ(out.type.shape, (Shape{3, static_cast<std::int64_t>(places.size()), 4}));
    for_each_coordinate(out.type.shape, [&](std::vector<std::int64_t> at, std::size_t o) {
      at[1] = places[static_cast<std::size_t>(at[1])];
      ASSERT_EQ(out.floats[o], in.floats[place_of(in.type.shape, at)]);
    });
  }
}

TEST(Movement, SlicesWithExtremeLimits) {
  const Array in = counted_array(Shape{5});
  const auto slice = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return apply({"Slice", 13}, {in, vector_of({start}), vector_of({end}), vector_of({0}), vector_of({step})})
        .floats;
  };
  EXPECT_EQ(slice(0, INT64_MAX, 1), in.floats);
  EXPECT_EQ(slice(-1, INT64_MIN, -1), (std::vector<float>{4, 3, 2, 1, 0}));
  EXPECT_EQ(slice(INT64_MAX, INT64_MIN, -2), (std::vector<float>{4, 2, 0}));
  EXPECT_EQ(slice(INT64_MAX, INT64_MIN, INT64_MIN), (std::vector<float>{4}));
  EXPECT_EQ(slice(1, 5, INT64_MAX), (std::vector<float>{1}));
  EXPECT_TRUE(slice(3, 1, 1).empty());
  EXPECT_THROW(slice(0, 5, 0), Error);
  EXPECT_EQ(apply({"Slice", 9, {ints("starts", {1}), ints("ends", {-1})}}, {in}).floats,
            (std::vector<float>{1, 2, 3}));
  EXPECT_TRUE(apply({"Slice", 13}, {counted_array(Shape{0}), vector_of({-1}), vector_of({-3}), vector_of({0}),
                                    vector_of({-1})})
                  .floats.empty());
}

TEST(Movement, Pads) {
  const Array in = counted_array(Shape{2, 3});  // 0 1 2 / 3 4 5
  const auto pad = [&](std::string_view mode, std::vector<std::int64_t> pads) {
    return apply({"Pad", 19, {text("mode", mode)}},
                 {in, vector_of(std::move(pads)), float_array(Shape{}, {9})})
        .floats;
  };
  EXPECT_EQ(pad("constant", {0, 1, 1, 0}), (std::vector<float>{9, 0, 1, 2, 9, 3, 4, 5, 9, 9, 9, 9}));
  EXPECT_EQ(pad("constant", {0, -1, 0, 1}), (std::vector<float>{1, 2, 9, 4, 5, 9}));
  EXPECT_EQ(pad("constant", {-1, 0, 0, -2}), (std::vector<float>{3}));
  EXPECT_EQ(pad("edge", {0, 2, 0, 1}), (std::vector<float>{0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 5, 5}));
  EXPECT_EQ(pad("reflect", {0, 3, 0, 1}), (std::vector<float>{1, 2, 1, 0, 1, 2, 1, 4, 5, 4, 3, 4, 5, 4}));
  EXPECT_EQ(pad("wrap", {0, 4, 0, 1}), (std::vector<float>{2, 0, 1, 2, 0, 1, 2, 0, 5, 3, 4, 5, 3, 4, 5, 3}));
  EXPECT_EQ(apply({"Pad", 19}, {in, vector_of({1, 0}), Array{}, vector_of({-1})}).floats,
            (std::vector<float>{0, 0, 1, 2, 0, 3, 4, 5}));
  EXPECT_EQ(apply({"Pad", 9, {ints("pads", {0, 0, 0, 1}), number("value", 7)}}, {in}).floats,
            (std::vector<float>{0, 1, 2, 7, 3, 4, 5, 7}));
  EXPECT_THROW(pad("constant", {0, -2, 0, -2}), Error);
  EXPECT_THROW(apply({"Pad", 19, {text("mode", "edge")}}, {counted_array(Shape{0}), vector_of({1, 0})}),
               Error);
}

/// Where a coordinate of a padded axis is read; -1: nowhere.
std::int64_t padded_place(std::string_view mode, std::int64_t c, std::int64_t size) {
  if (mode == "constant") return c >= 0 && c < size ? c : -1;
  if (mode == "edge") return std::clamp<std::int64_t>(c, 0, size - 1);
  while (c < 0 || c >= size) {
    if (mode == "wrap")
      c += c < 0 ? size : -size;
    else
      c = size == 1 ? 0 : c < 0 ? -c : 2 * (size - 1) - c;
  }
  return c;
}

TEST(Movement, PadsAsTheStandardSays) {
  Random random(5);
  for (int i = 0; i < 1000; ++i) {
    constexpr std::string_view kModes[] = {"constant", "edge", "reflect", "wrap"};
    const std::string_view mode = kModes[i % 4];
    const Shape shape{random.integer(1, 4), random.integer(1, 40)};
    const std::int64_t before[] = {random.integer(-1, 3), random.integer(-3, 90)};
    const std::int64_t after[] = {random.integer(0, 3), random.integer(-3, 90)};
    const Shape padded{before[0] + shape[0] + after[0], before[1] + shape[1] + after[1]};
    if (padded[0] < 0 || padded[1] < 0) continue;
    const Array in = counted_array(shape);
    const Array out =
        apply({"Pad", 19, {text("mode", mode)}},
              {in, vector_of({before[0], before[1], after[0], after[1]}), float_array(Shape{}, {-7})});
    ASSERT_EQ(out.type.shape, padded);
    for_each_coordinate(padded, [&](std::vector<std::int64_t> at, std::size_t o) {
      for (std::size_t a = 0; a < 2; ++a)
        at[a] = padded_place(mode, at[a] - before[a], shape[static_cast<int>(a)]);
      const bool is_inside = at[0] >= 0 && at[1] >= 0;
      ASSERT_EQ(out.floats[o], is_inside ? in.floats[place_of(shape, at)] : -7) << mode << " " << i;
    });
  }
}

TEST(Movement, TilesAsTheStandardSays) {
  Random random(6);
  for (int i = 0; i < 300; ++i) {
    const Shape shape{random.integer(1, 3), random.integer(0, 20), random.integer(1, 5)};
    const std::vector<std::int64_t> repeats{random.integer(0, 3), random.integer(1, 60),
                                            random.integer(1, 4)};
    const Array in = counted_array(shape);
    const Array out = apply({"Tile", 13}, {in, vector_of(repeats)});
    ASSERT_EQ(out.type.shape, (Shape{shape[0] * repeats[0], shape[1] * repeats[1], shape[2] * repeats[2]}));
    for_each_coordinate(out.type.shape, [&](std::vector<std::int64_t> at, std::size_t o) {
      for (std::size_t a = 0; a < 3; ++a) at[a] %= shape[static_cast<int>(a)];
      ASSERT_EQ(out.floats[o], in.floats[place_of(shape, at)]);
    });
  }
}

TEST(Movement, TakesNoMemoryForEachElement) {
  const Array in = counted_array(Shape{3, 2});
  const Array pads = vector_of({1, 1 << 20, 1, 1 << 24}), repeats = vector_of({5, 1 << 22});
  const Array shape = vector_of({1 << 24, 3, 2}), sizes = vector_of({4, 1 << 24});
  const ArrayAttribute reflect = text("mode", "reflect"), wrap = text("mode", "wrap");
  const auto bytes = [&](std::string_view op, std::vector<ArrayAttribute> attributes,
                         const std::vector<const Array*>& inputs) {
    std::vector<arrays::Call::Input> list;
    for (const Array* input : inputs)
      list.push_back(input ? arrays::Call::Input{input->type, input} : arrays::Call::Input{});
    restart_peak();
    const std::size_t before = live_bytes();
    const arrays::Prepared prepared =
        arrays::prepare(arrays::find_function(op), {op, 19, attributes, std::move(list)});
    EXPECT_GT(prepared.outputs[0].shape.elements(), 1 << 24) << op;
    const arrays::Work work = prepared.work();
    return peak_bytes() - before;
  };
  for (const ArrayAttribute& mode : {reflect, wrap, text("mode", "edge"), text("mode", "constant")})
    EXPECT_LT(bytes("Pad", {mode}, {&in, &pads}), std::size_t{1} << 16);
  EXPECT_LT(bytes("Tile", {}, {&in, &repeats}), std::size_t{1} << 16);
  EXPECT_LT(bytes("Expand", {}, {&in, &shape}), std::size_t{1} << 16);
  const std::vector<ArrayAttribute> axes = {ints("axes", {0, 1})};
  EXPECT_LT(bytes("CenterCropPad", axes, {&in, &sizes}), std::size_t{1} << 16);
  // Offsets that are computed: no table where it were a large one.
  EXPECT_LT(bytes("Resize", {}, {&in, nullptr, nullptr, &sizes}), std::size_t{1} << 16);
}

TEST(Movement, RepeatsAndExpands) {
  const Array in = counted_array(Shape{1, 3});
  EXPECT_EQ(apply({"Tile", 13}, {in, vector_of({2, 2})}).floats,
            (std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
  const Array expanded = apply({"Expand", 13}, {in, vector_of({2, 2, 1})});
  EXPECT_EQ(expanded.type.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(expanded.floats, (std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_THROW(apply({"Tile", 13}, {in, vector_of({1, -1})}), Error);
  EXPECT_THROW(apply({"Tile", 13}, {in, vector_of({INT64_MAX, 2})}), Error);
  EXPECT_THROW(apply({"Expand", 13}, {in, vector_of({2})}), Error);
}

TEST(Movement, RegroupsDepthAndSpace) {
  const Shape shape{2, 12, 2, 3};
  const Array in = counted_array(shape);
  for (const std::string_view mode : {"DCR", "CRD"}) {
    const Array out = apply({"DepthToSpace", 13, {ints("blocksize", {2}), text("mode", mode)}}, {in});
    ASSERT_EQ(out.type.shape, (Shape{2, 3, 4, 6}));
    for_each_coordinate(out.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
      const std::int64_t block = at[2] % 2 * 2 + at[3] % 2;
      const std::int64_t channel = mode == "DCR" ? block * 3 + at[1] : at[1] * 4 + block;
      ASSERT_EQ(out.floats[i], in.floats[place_of(shape, {at[0], channel, at[2] / 2, at[3] / 2})]);
    });
    if (mode == "DCR") {
      EXPECT_EQ(apply({"SpaceToDepth", 13, {ints("blocksize", {2})}}, {out}).floats, in.floats);
    }
  }
  EXPECT_THROW(apply({"DepthToSpace", 13, {ints("blocksize", {5})}}, {in}), Error);
  EXPECT_THROW(
      apply({"DepthToSpace", 13, {ints("blocksize", {INT32_MAX})}}, {counted_array(Shape{1, 0, 1, 1})}),
      Error);
}

TEST(Movement, SplitsAndJoins) {
  const Array in = counted_array(Shape{2, 7});
  const auto parts = apply_all({"Split", 18, {ints("axis", {-1}), ints("num_outputs", {3})}, 3}, {in});
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].floats, (std::vector<float>{6, 13}));
  EXPECT_EQ(apply({"Concat", 13, {ints("axis", {1})}}, parts).floats, in.floats);
  const auto old = apply_all({"Split", 11, {ints("axis", {1}), ints("split", {5, 2})}, 2}, {in});
  EXPECT_EQ(old.at(1).floats, (std::vector<float>{5, 6, 12, 13}));
  EXPECT_THROW(apply_all({"Split", 13, {ints("axis", {1})}, 2}, {in}), Error);
  EXPECT_THROW(apply_all({"Split", 13, {ints("axis", {1})}, 2}, {in, vector_of({8, -1})}), Error);
  EXPECT_THROW(apply_all({"Split", 18, {ints("axis", {0}), ints("num_outputs", {4})}, 4}, {in}), Error);
}

TEST(Movement, ReversesSequencesWhateverTheirLength) {
  const Array in = counted_array(Shape{4, 2});  // time x batch
  EXPECT_EQ(apply({"ReverseSequence", 10}, {in, vector_of({3, 9})}).floats,
            (std::vector<float>{4, 7, 2, 5, 0, 3, 6, 1}));
  EXPECT_EQ(apply({"ReverseSequence", 10, {ints("time_axis", {1}), ints("batch_axis", {0})}},
                  {in, vector_of({2, 1, -5, 2})})
                .floats,
            (std::vector<float>{1, 0, 2, 3, 4, 5, 7, 6}));
}

TEST(Movement, KeepsTriangles) {
  const Shape shape{2, 3, 4};
  const Array in = counted_array(shape);
  for (const std::int64_t upper : {0, 1})
    for (const std::int64_t k : {INT64_MIN, std::int64_t{-3}, std::int64_t{-1}, std::int64_t{0},
                                 std::int64_t{2}, std::int64_t{4}, INT64_MAX}) {
      const Array out = apply({"Trilu", 14, {ints("upper", {upper})}}, {in, scalar_of(k)});
      for_each_coordinate(shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
        const double diagonal = static_cast<double>(at[2] - at[1]), edge = static_cast<double>(k);
        const bool kept = upper != 0 ? diagonal >= edge : diagonal <= edge;
        ASSERT_EQ(out.floats[i], kept ? in.floats[i] : 0) << k;
      });
    }
}

TEST(Movement, CropsAndPadsAroundTheCentre) {
  const Array in = counted_array(Shape{5, 2});
  const Array out = apply({"CenterCropPad", 18}, {in, vector_of({2, 5})});
  EXPECT_EQ(out.floats, (std::vector<float>{0, 2, 3, 0, 0, 0, 4, 5, 0, 0}));
}

TEST(Movement, MakesArraysFromNumbers) {
  const auto range = [](std::int64_t start, std::int64_t limit, std::int64_t delta) {
    return apply({"Range", 11}, {scalar_of(start), scalar_of(limit), scalar_of(delta)}).integers;
  };
  EXPECT_EQ(range(10, 4, -2), (std::vector<std::int64_t>{10, 8, 6}));
  EXPECT_EQ(range(0, 5, 2), (std::vector<std::int64_t>{0, 2, 4}));
  EXPECT_TRUE(range(3, 3, 1).empty());
  EXPECT_EQ(range(INT64_MIN, INT64_MAX, INT64_MAX),
            (std::vector<std::int64_t>{INT64_MIN, -1, INT64_MAX - 1}));
  EXPECT_THROW(range(0, INT64_MAX, 1), Error);
  EXPECT_THROW(range(0, 1, 0), Error);
  EXPECT_EQ(apply({"EyeLike", 9, {ints("k", {-1}), ints("dtype", {6})}}, {counted_array(Shape{3, 2})}),
            integer_array(Shape{3, 2}, {0, 0, 1, 0, 0, 1}, ElementType::i32));
  EXPECT_THROW(apply({"EyeLike", 9, {ints("dtype", {11})}}, {counted_array(Shape{3, 2})}), Error);
  EXPECT_EQ(apply({"ConstantOfShape", 9, {{"value", {300}, {}, "u8"}}}, {vector_of({2})}),
            integer_array(Shape{2}, {44, 44}, ElementType::u8));
  EXPECT_THROW(apply({"ConstantOfShape", 9, {{"value", {}, {}, ""}}}, {vector_of({2})}), Error)
      << "a value that was not read";
  const Array hann = apply({"HannWindow", 17}, {scalar_of(4)});
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(hann.floats[i], (std::vector<float>{0, 0.5, 1, 0.5})[i], 1e-6f);
}

}  // namespace
}  // namespace lowbit::testing
