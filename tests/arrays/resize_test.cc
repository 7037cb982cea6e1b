// SPDX-License-Identifier: Apache-2.0
// Resize against its definition: every element of the output from the neighbours of its coordinates in all
// axes at once, found by their distances.
#include <gtest/gtest.h>

#include <cmath>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

struct Settings {
  std::string mode, coordinates, nearest = "round_prefer_floor";
  double a = -0.75;
  bool excludes = false, antialiases = false;
};

double coordinate(const Settings& s, double x, double scale, double from, double to) {
  const double length = scale * from;
  if (s.coordinates == "align_corners") return length == 1 ? 0 : x * (from - 1) / (length - 1);
  if (s.coordinates == "asymmetric") return x / scale;
  if (s.coordinates == "pytorch_half_pixel") return length == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
  const double half = (x + 0.5) / scale - 0.5;
  return s.coordinates == "half_pixel_symmetric" ? from / 2 * (1 - to / length) + half : half;
}

double weight(const Settings& s, double d) {
  const double x = std::fabs(d), a = s.a;
  if (s.mode == "linear") return x < 1 ? 1 - x : 0;
  if (x <= 1) return (a + 2) * std::pow(x, 3) - (a + 3) * std::pow(x, 2) + 1;
  return x < 2 ? a * std::pow(x, 3) - 5 * a * std::pow(x, 2) + 8 * a * x - 4 * a : 0;
}

/// Weights of all elements of a line.
std::vector<double> line_weights(const Settings& s, double c, double scale, std::int64_t from) {
  std::vector<double> w(static_cast<std::size_t>(from), 0);
  const auto inside = [&](double i) {
    return static_cast<std::size_t>(std::clamp(i, 0.0, static_cast<double>(from - 1)));
  };
  if (s.mode == "nearest") {
    const double below = std::floor(c), above = std::ceil(c);
    double chosen = s.nearest == "floor" ? below : above;
    if (s.nearest == "round_prefer_floor") chosen = c - below <= 0.5 ? below : above;
    if (s.nearest == "round_prefer_ceil") chosen = c - below < 0.5 ? below : above;
    w[inside(chosen)] = 1;
    return w;
  }
  const double width = s.antialiases ? std::min(scale, 1.0) : 1;
  double sum = 0;
  for (double i = std::floor(c) - 100; i <= c + 100; ++i) {
    const double here = weight(s, (i - c) * width);
    if (s.excludes && (i < 0 || i > static_cast<double>(from - 1))) continue;
    w[inside(i)] += here, sum += here;
  }
  for (double& v : w) v /= sum;
  return w;
}

void check(const Settings& s, const Shape& shape, const std::vector<float>& scales) {
  Random random(17);
  const Array in = random_array({ElementType::f32, shape}, random);
  const std::vector<ArrayAttribute> attributes = {
      text("mode", s.mode),
      text("coordinate_transformation_mode", s.coordinates),
      text("nearest_mode", s.nearest),
      number("cubic_coeff_a", static_cast<float>(s.a)),
      ints("exclude_outside", {s.excludes ? 1 : 0}),
      ints("antialias", {s.antialiases ? 1 : 0}),
  };
  const Array out =
      apply({"Resize", 19, attributes}, {in, Array{}, float_array(Shape{shape.rank()}, scales)});
  std::vector<std::vector<std::vector<double>>> weights;
  for (int a = 0; a < shape.rank(); ++a) {
    const double scale = scales[static_cast<std::size_t>(a)];
    ASSERT_EQ(out.type.shape[a],
              static_cast<std::int64_t>(std::floor(scale * static_cast<double>(shape[a]))));
    auto& of_axis = weights.emplace_back();
    for (std::int64_t i = 0; i < out.type.shape[a]; ++i)
      of_axis.push_back(
          line_weights(s,
                       coordinate(s, static_cast<double>(i), scale, static_cast<double>(shape[a]),
                                  static_cast<double>(out.type.shape[a])),
                       scale, shape[a]));
  }
  for_each_coordinate(out.type.shape, [&](const std::vector<std::int64_t>& at, std::size_t i) {
    double sum = 0;
    for_each_coordinate(shape, [&](const std::vector<std::int64_t>& from, std::size_t j) {
      double w = 1;
      for (std::size_t a = 0; a < at.size(); ++a)
        w *= weights[a][static_cast<std::size_t>(at[a])][static_cast<std::size_t>(from[a])];
      sum += w * in.floats[j];
    });
    ASSERT_NEAR(out.floats[i], sum, 2e-5)
        << s.mode << " " << s.coordinates << " " << s.nearest << " " << s.excludes << s.antialiases;
  });
}

TEST(Resize, IsItsDefinitionInEveryMode) {
  const std::vector<std::vector<float>> scales = {
      {1, 1.5f, 2.3f}, {1, 0.6f, 0.45f}, {2, 0.5f, 3}, {1, 0.25f, 0.21f}, {1, 1, 1}};
  for (const std::vector<float>& scale : scales)
    for (const char* coordinates :
         {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
      for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
        check({"nearest", coordinates, nearest}, Shape{2, 4, 5}, scale);
      for (const char* mode : {"linear", "cubic"})
        for (const bool antialiases : {false, true})
          for (const bool excludes : {false, true})
            check({mode, coordinates, "floor", -0.5, excludes, antialiases}, Shape{2, 4, 5}, scale);
    }
}

TEST(Resize, CropsAndFillsWhatIsOutside) {
  const Array in = counted_array(Shape{1, 4});
  const auto crop = [&](std::string_view mode) {
    return apply({"Resize",
                  13,
                  {text("mode", mode), text("coordinate_transformation_mode", "tf_crop_and_resize"),
                   number("extrapolation_value", -7)}},
                 {in, float_array(Shape{4}, {0, 0.5f, 1, 1.5f}), Array{}, vector_of({1, 3})})
        .floats;
  };
  EXPECT_EQ(crop("linear"), (std::vector<float>{1.5f, 3, -7}));
  EXPECT_EQ(crop("nearest"), (std::vector<float>{1, 3, -7}));
}

TEST(Resize, KeepsTheAspectRatio) {
  const auto shape = [](std::string_view policy) {
    return apply({"Resize", 19, {text("keep_aspect_ratio_policy", policy), ints("axes", {-1, 1})}},
                 {counted_array(Shape{1, 4, 8}), Array{}, Array{}, vector_of({12, 10})})
        .type.shape;
  };
  EXPECT_EQ(shape("stretch"), (Shape{1, 10, 12}));
  EXPECT_EQ(shape("not_larger"), (Shape{1, 6, 12}));
  EXPECT_EQ(shape("not_smaller"), (Shape{1, 10, 20}));
  EXPECT_THROW(shape("largest"), Error);
}

TEST(Resize, OldOperatorSetsTakeTheElementBelow) {
  const Array in = counted_array(Shape{1, 2});
  const std::vector<float> repeated = {0, 0, 0, 1, 1, 1};
  EXPECT_EQ(apply({"Resize", 10}, {in, float_array(Shape{2}, {1, 3})}).floats, repeated);
  EXPECT_EQ(apply({"Upsample", 9}, {in, float_array(Shape{2}, {1, 3})}).floats, repeated);
  EXPECT_EQ(apply({"Upsample", 7, {{"scales", {}, {1, 3}}}}, {in}).floats, repeated);
  EXPECT_EQ(apply({"Upsample", 9, {text("mode", "linear")}}, {in, float_array(Shape{2}, {1, 2})}).floats,
            (std::vector<float>{0, 0.5f, 1, 1}));
}

TEST(Resize, RefusesWhatItCannotDo) {
  const Array in = counted_array(Shape{1, 2});
  const auto resize = [&](std::vector<ArrayAttribute> attributes, std::vector<float> scales) {
    return apply({"Resize", 13, std::move(attributes)},
                 {in, Array{}, float_array(Shape{2}, std::move(scales))});
  };
  EXPECT_THROW(resize({}, {1, 0}), Error);
  EXPECT_THROW(resize({}, {1, std::nanf("")}), Error);
  EXPECT_THROW(resize({}, {1, HUGE_VALF}), Error);
  EXPECT_THROW(resize({text("mode", "lanczos")}, {1, 1}), Error);
  EXPECT_THROW(resize({text("coordinate_transformation_mode", "tf_crop_and_resize")}, {1, 1}), Error);
  EXPECT_THROW(apply({"Resize", 13}, {in}), Error);
  EXPECT_EQ(resize({}, {1, 0.3f}).type.shape, (Shape{1, 0}));
}

}  // namespace
}  // namespace lowbit::testing
