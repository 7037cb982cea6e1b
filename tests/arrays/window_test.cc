// SPDX-License-Identifier: Apache-2.0
// Convolutions and pools of arrays, against loops over all elements and taps.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

using Numbers = std::vector<std::int64_t>;

struct Form {
  Numbers in, kernel, strides, pads, dilations;
  std::int64_t groups = 1;
};

const std::vector<Form> kForms = {
    {{9}, {3}, {1}, {0, 0}, {1}},
    {{9}, {2}, {3}, {1, 0}, {2}, 2},
    {{700}, {3}, {1}, {1, 1}, {1}},
    {{5, 6}, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
    {{5, 6}, {3, 2}, {2, 1}, {1, 0, 2, 1}, {1, 2}, 2},
    {{7, 5}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {2, 1}},
    {{4, 5, 3}, {2, 3, 2}, {1, 2, 1}, {0, 1, 1, 1, 0, 0}, {1, 1, 2}, 2},
};

std::vector<ArrayAttribute> attributes(const Form& f) {
  return {ints("kernel_shape", f.kernel), ints("strides", f.strides), ints("pads", f.pads),
          ints("dilations", f.dilations), ints("group", {f.groups})};
}

Shape shape_of(std::int64_t n, std::int64_t c, const Numbers& spatial) {
  Numbers dims{n, c};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return Shape(dims);
}

/// Calls body(tap, place in the spatial shape or -1 in the padding) for a window at `at`.
template <class Body>
void for_each_tap(const Form& f, const std::vector<std::int64_t>& at, Body&& body) {
  for_each_coordinate(Shape(f.kernel), [&](const std::vector<std::int64_t>& tap, std::size_t t) {
    std::vector<std::int64_t> from(f.in.size());
    bool inside = true;
    for (std::size_t a = 0; a < from.size(); ++a) {
      from[a] = at[a] * f.strides[a] - f.pads[a] + tap[a] * f.dilations[a];
      inside = inside && from[a] >= 0 && from[a] < f.in[a];
    }
    body(t, inside ? static_cast<std::int64_t>(place_of(Shape(f.in), from)) : -1);
  });
}

Numbers outputs(const Form& f) {
  Numbers out;
  for (std::size_t a = 0; a < f.in.size(); ++a)
    out.push_back((f.in[a] + f.pads[a] + f.pads[f.in.size() + a] - (f.kernel[a] - 1) * f.dilations[a] - 1) /
                      f.strides[a] +
                  1);
  return out;
}

constexpr std::int64_t kImages = 2, kIn = 4, kOut = 6;

Array naive_conv(const Form& f, const Array& x, const Array& w) {
  const Numbers out = outputs(f);
  const std::int64_t area = Shape(f.in).elements(), taps = Shape(f.kernel).elements();
  Array y({ElementType::f32, shape_of(kImages, kOut, out)});
  const std::int64_t shared_in = kIn / f.groups, shared_out = kOut / f.groups;
  for (std::int64_t i = 0; i < kImages * kOut; ++i)
    for_each_coordinate(Shape(out), [&](const std::vector<std::int64_t>& at, std::size_t o) {
      float sum = 0;
      const std::int64_t m = i % kOut, image = i / kOut * kIn + m / shared_out * shared_in;
      for (std::int64_t c = 0; c < shared_in; ++c)
        for_each_tap(f, at, [&](std::size_t tap, std::int64_t from) {
          if (from >= 0)
            sum += x.floats[static_cast<std::size_t>((image + c) * area + from)] *
                   w.floats[static_cast<std::size_t>((m * shared_in + c) * taps) + tap];
        });
      y.floats[static_cast<std::size_t>(i * Shape(out).elements()) + o] = sum;
    });
  return y;
}

Array as_integers(const Array& a, std::int64_t plus, ElementType type) {
  Array out({type, a.type.shape});
  for (std::size_t i = 0; i < a.floats.size(); ++i)
    out.integers[i] = static_cast<std::int64_t>(a.floats[i]) + plus;
  return out;
}

TEST(Window, ConvolutionsFollowTheirDefinition) {
  Random random(1);
  for (const Form& f : kForms) {
    const Array x = random_array({ElementType::f32, shape_of(kImages, kIn, f.in)}, random);
    const Array w = random_array({ElementType::f32, shape_of(kOut, kIn / f.groups, f.kernel)}, random);
    const Array want = naive_conv(f, x, w);
    EXPECT_EQ(apply({"Conv", 11, attributes(f)}, {x, w}), want);
    const Array x_bytes = as_integers(x, 100, ElementType::u8), w_bytes = as_integers(w, 3, ElementType::i8);
    const Array x_zero = integer_array(Shape{}, {100}, ElementType::u8);
    EXPECT_EQ(
        apply({"ConvInteger", 10, attributes(f)},
              {x_bytes, w_bytes, x_zero, integer_array(Shape{kOut}, Numbers(kOut, 3), ElementType::i8)}),
        as_integers(want, 0, ElementType::i32));
    // Sums become themselves plus the bias, limited to bytes, times 2 for odd channels.
    std::vector<float> scales(kOut, 0.5f);
    Array bytes = as_integers(want, 0, ElementType::i8);
    for (std::size_t i = 0; i < bytes.integers.size(); ++i) {
      const std::size_t m = i / static_cast<std::size_t>(Shape(outputs(f)).elements()) % kOut;
      scales[m] = m % 2 == 0 ? 0.5f : 1.0f;
      bytes.integers[i] =
          std::clamp<std::int64_t>((bytes.integers[i] + 5) * (m % 2 == 0 ? 1 : 2) - 1, -128, 127);
    }
    const Array half = float_array(Shape{}, {0.5f}), unit = float_array(Shape{}, {0.25f});
    EXPECT_EQ(apply({"QLinearConv", 10, attributes(f)},
                    {x_bytes, half, x_zero, w_bytes, float_array(Shape{kOut}, scales),
                     integer_array(Shape{}, {3}, ElementType::i8), unit,
                     integer_array(Shape{}, {-1}, ElementType::i8),
                     integer_array(Shape{kOut}, Numbers(kOut, 5), ElementType::i32)}),
              bytes);
  }
}

double dot(const Array& a, const Array& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.floats.size(); ++i) sum += static_cast<double>(a.floats[i]) * b.floats[i];
  return sum;
}

TEST(Window, TransposedConvolutionsTurnConvolutionsRound) {
  Random random(2);
  for (const Form& f : kForms) {
    const Numbers out = outputs(f);
    Numbers more;
    for (std::size_t a = 0; a < f.in.size(); ++a)
      more.push_back(f.in[a] + f.pads[a] + f.pads[f.in.size() + a] - (f.kernel[a] - 1) * f.dilations[a] - 1 -
                     (out[a] - 1) * f.strides[a]);
    std::vector<ArrayAttribute> with = attributes(f);
    with.push_back(ints("output_padding", more));
    const Array x = random_array({ElementType::f32, shape_of(kImages, kIn, f.in)}, random);
    const Array w = random_array({ElementType::f32, shape_of(kOut, kIn / f.groups, f.kernel)}, random);
    const Array y = random_array({ElementType::f32, shape_of(kImages, kOut, out)}, random);
    const Array back = apply({"ConvTranspose", 11, with}, {y, w});
    ASSERT_EQ(back.type, x.type);
    EXPECT_EQ(dot(naive_conv(f, x, w), y), dot(x, back));
    const Array biased =
        apply({"ConvTranspose", 11, with}, {y, w, float_array(Shape{kIn}, std::vector<float>(kIn, 2))});
    EXPECT_EQ(biased.floats[0], back.floats[0] + 2);
  }
  const Array x({ElementType::f32, Shape{1, 1, 3, 3}}), w({ElementType::f32, Shape{1, 2, 3, 3}});
  const auto shape = [&](std::vector<ArrayAttribute> a) {
    return apply({"ConvTranspose", 11, std::move(a)}, {x, w}).type.shape;
  };
  EXPECT_EQ(shape({ints("strides", {3, 2}), ints("output_shape", {10, 8})}), (Shape{1, 2, 10, 8}));
  EXPECT_EQ(shape({ints("strides", {2, 2}), text("auto_pad", "SAME_UPPER")}), (Shape{1, 2, 6, 6}));
  EXPECT_EQ(shape({ints("strides", {3, 2}), ints("pads", {1, 2, 1, 2})}), (Shape{1, 2, 7, 3}));
  EXPECT_THROW(shape({ints("pads", {9, 9, 9, 9})}), Error);
}

TEST(Window, PoolsFollowTheirDefinition) {
  Random random(3);
  for (Form f : kForms) {
    if (f.in == Numbers{700}) continue;
    const Numbers out = outputs(f);
    const std::int64_t area = Shape(f.in).elements(), places = Shape(out).elements();
    const Array x = random_array({ElementType::f32, shape_of(1, 2, f.in)}, random);
    const std::vector<Array> most = apply_all({"MaxPool", 12, attributes(f), 2}, {x});
    Applied average{"AveragePool", 19, attributes(f)};
    const Array outside = apply(average, {x}), norm = apply({"LpPool", 18, attributes(f)}, {x});
    average.attributes.push_back(ints("count_include_pad", {1}));
    const Array inside = apply(average, {x});
    ASSERT_EQ(most[0].type.shape, shape_of(1, 2, out));
    for (std::int64_t c = 0; c < 2; ++c)
      for_each_coordinate(Shape(out), [&](const std::vector<std::int64_t>& at, std::size_t o) {
        double sum = 0, squares = 0, count = 0, all = 0;
        float best = -std::numeric_limits<float>::infinity();
        std::int64_t index = -1;
        for_each_tap(f, at, [&](std::size_t, std::int64_t from) {
          ++all;
          if (from < 0) return;
          const float v = x.floats[static_cast<std::size_t>(c * area + from)];
          sum += v, squares += v * v, ++count;
          if (v > best) best = v, index = c * area + from;
        });
        const std::size_t i = static_cast<std::size_t>(c * places) + o;
        EXPECT_EQ(most[0].floats[i], best);
        EXPECT_EQ(most[1].integers[i], index);
        EXPECT_EQ(outside.floats[i], static_cast<float>(sum / count));
        EXPECT_EQ(inside.floats[i], static_cast<float>(sum / all));
        EXPECT_EQ(norm.floats[i], static_cast<float>(std::sqrt(squares)));
      });
  }
}

TEST(Window, PoolsOfOtherForms) {
  const Array x = counted_array(Shape{1, 1, 4, 4});
  const auto shape = [&](std::vector<ArrayAttribute> a) {
    return apply({"MaxPool", 12, std::move(a)}, {x}).type.shape;
  };
  EXPECT_EQ(shape({ints("kernel_shape", {3, 3}), ints("strides", {2, 2})}), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(shape({ints("kernel_shape", {3, 3}), ints("strides", {2, 2}), ints("ceil_mode", {1})}),
            (Shape{1, 1, 2, 2}));
  EXPECT_EQ(shape({ints("kernel_shape", {3, 3}), ints("strides", {3, 3}), text("auto_pad", "SAME_LOWER")}),
            (Shape{1, 1, 2, 2}));
  EXPECT_EQ(shape({ints("kernel_shape", {3, 3}), text("auto_pad", "VALID")}), (Shape{1, 1, 2, 2}));
  EXPECT_THROW(shape({ints("kernel_shape", {3})}), Error);
  EXPECT_THROW(shape({ints("kernel_shape", {5, 5})}), Error);
  EXPECT_THROW(shape({ints("kernel_shape", {2, 2}), ints("strides", {0, 1})}), Error);
  EXPECT_THROW(shape({ints("kernel_shape", {2, 2}), ints("pads", {-1, 0, 0, 0})}), Error);
  const std::vector<Array> columns = apply_all(
      {"MaxPool", 12, {ints("kernel_shape", {2, 2}), ints("strides", {2, 2}), ints("storage_order", {1})}, 2},
      {x});
  EXPECT_EQ(columns[1].integers, (Numbers{5, 13, 7, 15}));
  const Array indices = integer_array(Shape{1, 1, 2, 2}, {5, 7, 13, 99});
  const std::vector<ArrayAttribute> unpool = {ints("kernel_shape", {2, 2}), ints("strides", {2, 2})};
  const Array small = float_array(Shape{1, 1, 2, 2}, {1, 2, 3, 4});
  // An index out of range goes nowhere.
  EXPECT_EQ(apply({"MaxUnpool", 11, unpool}, {small, indices}).floats,
            (std::vector<float>{0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0}));
  const Array larger = apply({"MaxUnpool", 11, unpool}, {small, indices, vector_of({1, 1, 5, 5})});
  EXPECT_EQ(larger.floats[6], 1);
  EXPECT_EQ(larger.floats[16], 3);
  EXPECT_EQ(apply({"GlobalLpPool", 2, {ints("p", {1})}}, {x}).floats, std::vector<float>{120});
  // Blocks of 2 x 2 that do not overlap.
  const Array blocks = apply({"Col2Im", 18, {ints("strides", {2, 2})}},
                             {counted_array(Shape{1, 4, 4}), vector_of({4, 4}), vector_of({2, 2})});
  EXPECT_EQ(blocks.floats, (std::vector<float>{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}));
}

}  // namespace
}  // namespace lowbit::testing
