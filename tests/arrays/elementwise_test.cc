// SPDX-License-Identifier: Apache-2.0
// Operators of single elements, with broadcasting, in all element types.
#include <gtest/gtest.h>

#include <cmath>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

TEST(Elementwise, BroadcastsOverEveryPatternOfAxes) {
  Random random(1);
  for (int pattern = 0; pattern < 64; ++pattern) {
    std::vector<std::int64_t> a, b, to;
    for (int axis = 0; axis < 3; ++axis) {
      to.push_back(axis + 2);
      a.push_back((pattern >> axis & 1) != 0 ? 1 : axis + 2);
      b.push_back((pattern >> (axis + 3) & 1) != 0 ? 1 : axis + 2);
      to.back() = std::max(a.back(), b.back());
    }
    const Array x = random_array({ElementType::f32, Shape(a)}, random);
    const Array y = random_array({ElementType::f32, Shape(b)}, random);
    const Array out = apply({"Sub", 14}, {x, y});
    ASSERT_EQ(out.type.shape, Shape(to));
    for_each_coordinate(Shape(to), [&](const std::vector<std::int64_t>& at, std::size_t i) {
      const auto limited = [&](std::vector<std::int64_t> c, const std::vector<std::int64_t>& dims) {
        for (std::size_t k = 0; k < 3; ++k) c[k] = dims[k] == 1 ? 0 : c[k];
        return place_of(Shape(dims), c);
      };
      ASSERT_EQ(out.floats[i], x.floats[limited(at, a)] - y.floats[limited(at, b)]);
    });
  }
  EXPECT_EQ(apply({"Add", 14}, {counted_array(Shape{0, 3}), counted_array(Shape{1, 1})}).type.shape,
            (Shape{0, 3}));
  EXPECT_THROW(apply({"Add", 14}, {counted_array(Shape{2}), counted_array(Shape{3})}), Error);
  EXPECT_THROW(apply({"Add", 14}, {counted_array(Shape{2}), vector_of({1, 2})}), Error);
}

TEST(Elementwise, BroadcastsAsOldOperatorSetsDid) {
  const Array a = counted_array(Shape{2, 3, 2}), b = float_array(Shape{3}, {10, 20, 30});
  EXPECT_EQ(apply({"Add", 6, {ints("broadcast", {1}), ints("axis", {1})}}, {a, b}).floats,
            (std::vector<float>{10, 11, 22, 23, 34, 35, 16, 17, 28, 29, 40, 41}));
}

template <class T>
void check_integers(ElementType type) {
  using U = std::uint64_t;
  Random random(2);
  Array a({type, Shape{500}}), b({type, Shape{500}});
  for (Array* x : {&a, &b})
    for (std::int64_t& v : x->integers)
      v = static_cast<std::int64_t>(static_cast<T>(random.next() >> random.integer(0, 63)));
  const auto check = [&](const char* op, auto f, std::vector<ArrayAttribute> attributes = {}) {
    const Array out = apply({op, 22, std::move(attributes)}, {a, b});
    for (std::size_t i = 0; i < out.integers.size(); ++i) {
      const auto x = static_cast<T>(a.integers[i]), y = static_cast<T>(b.integers[i]);
      ASSERT_EQ(out.integers[i], static_cast<std::int64_t>(f(x, y)))
          << op << " " << element_name(type) << " " << +x << " " << +y;
    }
  };
  check("Add", [](T x, T y) { return static_cast<T>(U(x) + U(y)); });
  check("Sub", [](T x, T y) { return static_cast<T>(U(x) - U(y)); });
  check("Mul", [](T x, T y) { return static_cast<T>(U(x) * U(y)); });
  check("Div", [](T x, T y) {
    return y == 0 ? T{0} : static_cast<T>(y == T(-1) && T(-1) < T(0) ? T(U(0) - U(x)) : x / y);
  });
  const auto remainder = [](T x, T y) {
    return y == 0 || (T(-1) < T(0) && y == T(-1)) ? T{0} : static_cast<T>(x % y);
  };
  check("Mod", remainder, {ints("fmod", {1})});
  check("Mod", [&](T x, T y) {
    const T r = remainder(x, y);
    return r != 0 && (r < 0) != (y < 0) ? static_cast<T>(r + y) : r;
  });
  check("Max", [](T x, T y) { return std::max(x, y); });
  check("Min", [](T x, T y) { return std::min(x, y); });
  check("Less", [](T x, T y) { return x < y; });
  check("LessOrEqual", [](T x, T y) { return x <= y; });
  check("Greater", [](T x, T y) { return x > y; });
  check("GreaterOrEqual", [](T x, T y) { return x >= y; });
  check("Equal", [](T x, T y) { return x == y; });
  check("BitwiseXor", [](T x, T y) { return static_cast<T>(x ^ y); });
  for (std::int64_t& v : b.integers) v = random.integer(0, 9);
  check("Pow", [](T x, T y) {
    U power = 1;
    for (T i = 0; i < y; ++i) power *= U(x);
    return static_cast<T>(power);
  });
  if constexpr (std::is_unsigned_v<T>) {
    const auto bits = static_cast<std::int64_t>(8 * sizeof(T));
    for (std::int64_t& v : b.integers) v = random.integer(0, bits - 1);
    check("BitShift", [](T x, T y) { return static_cast<T>(U(x) << y); }, {text("direction", "LEFT")});
    check("BitShift", [](T x, T y) { return static_cast<T>(x >> y); }, {text("direction", "RIGHT")});
  }
}

TEST(Elementwise, IntegersWrapAround) {
  check_integers<std::int8_t>(ElementType::i8);
  check_integers<std::int16_t>(ElementType::i16);
  check_integers<std::int32_t>(ElementType::i32);
  check_integers<std::int64_t>(ElementType::i64);
  check_integers<std::uint8_t>(ElementType::u8);
  check_integers<std::uint16_t>(ElementType::u16);
  check_integers<std::uint32_t>(ElementType::u32);
  check_integers<std::uint64_t>(ElementType::u64);
  EXPECT_EQ(apply({"Abs", 13}, {integer_array(Shape{1}, {-128}, ElementType::i8)}).integers[0], -128);
  EXPECT_EQ(apply({"Neg", 13}, {vector_of({INT64_MIN})}).integers[0], INT64_MIN);
  EXPECT_EQ(apply({"Div", 14}, {vector_of({INT64_MIN}), vector_of({-1})}).integers[0], INT64_MIN);
  EXPECT_EQ(apply({"BitwiseNot", 18}, {integer_array(Shape{1}, {5}, ElementType::u8)}).integers[0], 250);
}

TEST(Elementwise, PowersOfMixedTypes) {
  EXPECT_EQ(apply({"Pow", 15}, {vector_of({2, -1, -2, 1}), vector_of({-1, -3, -2, -9})}),
            vector_of({0, -1, 0, 1}));
  EXPECT_EQ(apply({"Pow", 15}, {vector_of({9, 2, -2}), float_array(Shape{3}, {0.5f, 70, 3})}),
            vector_of({3, INT64_MAX, -8}));
  const float inf = HUGE_VALF, nan = std::nanf("");
  const Array out = apply({"Pow", 15}, {float_array(Shape{5}, {1, nan, -2, -2, 0}),
                                        float_array(Shape{5}, {nan, 0, 3, 0.5f, -inf})});
  EXPECT_EQ(out.floats[0], 1);
  EXPECT_EQ(out.floats[1], 1);
  EXPECT_EQ(out.floats[2], -8);
  EXPECT_TRUE(std::isnan(out.floats[3]));
  EXPECT_EQ(out.floats[4], inf);
}

TEST(Elementwise, RemaindersOfFloatsAreThoseOfC) {
  const Array a = float_array(Shape{3}, {-5.5f, 5.5f, 7}), b = float_array(Shape{3}, {2, -2, HUGE_VALF});
  EXPECT_EQ(apply({"Mod", 13, {ints("fmod", {1})}}, {a, b}).floats, (std::vector<float>{-1.5f, 1.5f, 7}));
  EXPECT_THROW(apply({"Mod", 13}, {a, b}), Error);
}

TEST(Elementwise, FoldsAnyNumberOfInputs) {
  const float nan = std::nanf("");
  const Array a = float_array(Shape{2, 1}, {1, nan}), b = float_array(Shape{2}, {5, -5}),
              c = float_array(Shape{}, {0});
  const Array most = apply({"Max", 13}, {a, b, c});
  EXPECT_EQ(most.type.shape, (Shape{2, 2}));
  EXPECT_EQ(most.floats[0], 5);
  EXPECT_EQ(most.floats[1], 1);
  EXPECT_TRUE(std::isnan(most.floats[2]) && std::isnan(most.floats[3]));
  EXPECT_EQ(apply({"Mean", 13}, {b, c, c, c}).floats, (std::vector<float>{1.25f, -1.25f}));
  EXPECT_EQ(apply({"Sum", 13}, {b}).floats, b.floats);
  EXPECT_EQ(apply({"PRelu", 16}, {b, float_array(Shape{1}, {0.5f})}).floats, (std::vector<float>{5, -2.5f}));
  EXPECT_THROW(apply({"PRelu", 16}, {b, a}), Error) << "the slope has more dimensions";
}

TEST(Elementwise, ClipsToWhatIsThere) {
  const Array in = vector_of({-5, 0, 5});
  EXPECT_EQ(apply({"Clip", 13}, {in, scalar_of(-1)}), vector_of({-1, 0, 5}));
  EXPECT_EQ(apply({"Clip", 13}, {in, Array{}, scalar_of(1)}), vector_of({-5, 0, 1}));
  EXPECT_EQ(apply({"Clip", 13}, {in, scalar_of(3), scalar_of(1)}), vector_of({1, 1, 1}));
  const Array large = integer_array(Shape{1}, {-1}, ElementType::u64);
  EXPECT_EQ(apply({"Clip", 13}, {large}).integers, large.integers);
  EXPECT_EQ(apply({"Clip", 6, {number("max", 2)}}, {counted_array(Shape{4})}).floats,
            (std::vector<float>{0, 1, 2, 2}));
  EXPECT_THROW(apply({"Clip", 13}, {in, vector_of({})}), Error);
}

TEST(Elementwise, DropsNothingInInference) {
  const Array in = counted_array(Shape{3});
  EXPECT_EQ(apply({"Dropout", 13}, {in}).floats, in.floats);
  const auto both = apply_all({"Dropout", 13, {}, 2}, {in});
  EXPECT_EQ(both.at(1), integer_array(Shape{3}, {1, 1, 1}, ElementType::boolean));
  const Array training = integer_array(Shape{}, {1}, ElementType::boolean),
              half = float_array(Shape{}, {0.5f});
  EXPECT_THROW(apply({"Dropout", 13}, {in, half, training}), Error);
  EXPECT_EQ(apply({"Dropout", 13}, {in, float_array(Shape{}, {0}), training}).floats, in.floats);
}

TEST(Elementwise, FunctionsOfNetworks) {
  const Array in = float_array(Shape{7}, {-30, -2, -0.5f, 0, 0.25f, 3, 40});
  const auto check = [&](const char* op, auto exact, std::vector<ArrayAttribute> attributes = {}) {
    const Array out = apply({op, 24, std::move(attributes)}, {in});
    for (std::size_t i = 0; i < in.floats.size(); ++i) {
      const double y = exact(double(in.floats[i]));
      EXPECT_NEAR(out.floats[i], y, 2e-7 * std::fabs(y) + 1e-14) << op << " of " << in.floats[i];
    }
  };
  check("Softplus", [](double x) { return std::log1p(std::exp(x)); });
  check("Softsign", [](double x) { return x / (1 + std::fabs(x)); });
  check("Mish", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); });
  check("Gelu", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); });
  check("Gelu",
        [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
        {text("approximate", "tanh")});
  check("Swish", [](double x) { return x / (1 + std::exp(-2 * x)); }, {number("alpha", 2)});
  check("Celu", [](double x) { return std::max(0.0, x) + std::min(0.0, 2 * std::expm1(x / 2)); },
        {number("alpha", 2)});
  check("Elu", [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }, {number("alpha", 2)});
  check("Selu", [](double x) { return x > 0 ? 3 * x : 3 * 2 * std::expm1(x); },
        {number("alpha", 2), number("gamma", 3)});
  check("HardSigmoid", [](double x) { return std::clamp(0.5 * x + 0.25, 0.0, 1.0); },
        {number("alpha", 0.5f), number("beta", 0.25f)});
  check("ThresholdedRelu", [](double x) { return x > 2 ? x : 0; }, {number("alpha", 2)});
  check("Shrink", [](double x) { return x < -1  ? x + 0.5
                                        : x > 1 ? x - 0.5
                                                : 0; },
        {number("lambd", 1), number("bias", 0.5f)});
  check("LeakyRelu", [](double x) { return x < 0 ? 0.25 * x : x; }, {number("alpha", 0.25f)});
  EXPECT_EQ(apply({"Round", 11}, {float_array(Shape{4}, {0.5f, 1.5f, -2.5f, 2.4f})}).floats,
            (std::vector<float>{0, 2, -2, 2}));
  EXPECT_EQ(apply({"Shrink", 9, {number("lambd", 1)}}, {integer_array(Shape{2}, {0, 5}, ElementType::u64)})
                .integers,
            (std::vector<std::int64_t>{0, 5}));
  EXPECT_EQ(apply({"IsInf", 20, {ints("detect_negative", {0})}},
                  {float_array(Shape{3}, {HUGE_VALF, -HUGE_VALF, 1})})
                .integers,
            (std::vector<std::int64_t>{1, 0, 0}));
  EXPECT_EQ(apply({"Not", 1}, {integer_array(Shape{2}, {0, 1}, ElementType::boolean)}).integers,
            (std::vector<std::int64_t>{1, 0}));
  EXPECT_THROW(apply({"Exp", 13}, {vector_of({1})}), Error);
}

TEST(Elementwise, CastsBetweenAllTypes) {
  const auto cast = [](const Array& in, std::int64_t to) {
    return apply({"Cast", 19, {ints("to", {to})}}, {in});
  };
  const Array in = float_array(Shape{5}, {-1.9f, 300.7f, 0, std::nanf(""), -0.5f});
  EXPECT_EQ(cast(in, 3), integer_array(Shape{5}, {-1, 44, 0, 0, 0}, ElementType::i8));
  EXPECT_EQ(cast(in, 9), integer_array(Shape{5}, {1, 1, 0, 1, 1}, ElementType::boolean));
  EXPECT_EQ(cast(float_array(Shape{2}, {0x1p63f, -1}), 13),
            integer_array(Shape{2}, {INT64_MIN, -1}, ElementType::u64));
  EXPECT_EQ(cast(integer_array(Shape{1}, {-1}, ElementType::u64), 1), float_array(Shape{1}, {0x1p64f}));
  EXPECT_EQ(cast(vector_of({2049, 70000}), 10), float_array(Shape{2}, {2048, HUGE_VALF}, ElementType::f16));
  EXPECT_EQ(cast(vector_of({-1, 256}), 2), integer_array(Shape{2}, {255, 0}, ElementType::u8));
  EXPECT_EQ(apply({"CastLike", 19}, {in, integer_array(Shape{}, {0}, ElementType::u8)}).integers[1], 44);
  EXPECT_THROW(cast(in, 11), Error);
  EXPECT_THROW(cast(in, 8), Error);
  EXPECT_THROW(cast(in, -1), Error);
}

TEST(Elementwise, CastsToSmallTypes) {
  const auto cast = [](const Array& in, std::int64_t to, std::vector<ArrayAttribute> more = {}) {
    more.push_back(ints("to", {to}));
    return apply({"Cast", 25, more}, {in});
  };
  const Array in = float_array(Shape{5}, {0.3f, 1000, -0.0f, -1e9f, 6.4f});
  EXPECT_EQ(cast(in, 17), float_array(Shape{5}, {0.3125f, 448, -0.0f, -448, 6.5f}, ElementType::f8e4m3fn));
  EXPECT_EQ(cast(in, 18), float_array(Shape{5}, {0.3125f, 240, 0, -240, 6.5f}, ElementType::f8e4m3fnuz));
  EXPECT_EQ(cast(in, 19, {ints("saturate", {0})}),
            float_array(Shape{5}, {0.3125f, 1024, -0.0f, -HUGE_VALF, 6}, ElementType::f8e5m2));
  EXPECT_EQ(cast(in, 23), float_array(Shape{5}, {0.5f, 6, -0.0f, -6, 6}, ElementType::f4e2m1));
  const Array scales = float_array(Shape{2}, {0.3f, 1000});
  EXPECT_EQ(cast(scales, 24), float_array(Shape{2}, {0.5f, 1024}, ElementType::f8e8m0));
  EXPECT_EQ(cast(scales, 24, {text("round_mode", "down")}),
            float_array(Shape{2}, {0.25f, 512}, ElementType::f8e8m0));
  EXPECT_EQ(cast(scales, 24, {text("round_mode", "nearest")}),
            float_array(Shape{2}, {0.25f, 1024}, ElementType::f8e8m0));
  EXPECT_THROW(cast(scales, 24, {text("round_mode", "odd")}), Error);
  const Array integers = vector_of({-9, 7, 8, 2});
  EXPECT_EQ(cast(integers, 22), integer_array(Shape{4}, {7, 7, -8, 2}, ElementType::i4));
  EXPECT_EQ(cast(integers, 26), integer_array(Shape{4}, {-1, -1, 0, -2}, ElementType::i2));
  EXPECT_EQ(cast(cast(integers, 21), 1), float_array(Shape{4}, {7, 7, 8, 2}));
  // More elements than a block.
  std::vector<float> many(1001);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i % 7);
  EXPECT_EQ(cast(float_array(Shape{1001}, many), 23).floats[1000], 6);
  EXPECT_EQ(apply({"BitCast", 26, {ints("to", {2})}}, {cast(in, 17)}).integers[1], 0x7E);
  EXPECT_EQ(apply({"Reshape", 25}, {cast(integers, 22), vector_of({2, 2})}).type.element, ElementType::i4);
  EXPECT_THROW(apply({"Add", 14}, {cast(in, 17), cast(in, 17)}), Error) << "nothing computes in FP8";
}

TEST(Elementwise, ReadsBitsAnew) {
  const auto bit_cast = [](const Array& in, std::int64_t to) {
    return apply({"BitCast", 26, {ints("to", {to})}}, {in});
  };
  EXPECT_EQ(bit_cast(float_array(Shape{2}, {1, -0.0f}), 6),
            integer_array(Shape{2}, {0x3f800000, INT32_MIN}, ElementType::i32));
  EXPECT_EQ(bit_cast(float_array(Shape{1}, {1}, ElementType::f16), 4),
            integer_array(Shape{1}, {0x3c00}, ElementType::u16));
  EXPECT_EQ(bit_cast(integer_array(Shape{1}, {0x3f80}, ElementType::i16), 16),
            float_array(Shape{1}, {1}, ElementType::bf16));
  EXPECT_EQ(bit_cast(integer_array(Shape{1}, {-1}, ElementType::i8), 2),
            integer_array(Shape{1}, {255}, ElementType::u8));
  EXPECT_THROW(bit_cast(vector_of({1}), 1), Error);
}

}  // namespace
}  // namespace lowbit::testing
