// SPDX-License-Identifier: Apache-2.0
// Pools against plain loops; codes exactly, since sums of codes are exact.
#include "lowbit/layers/pool.h"

#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

struct PoolCase {
  const char* name;
  Shape in;
  ops::Window window;
  bool ceil_mode;
  Shape out;  ///< by hand, from the ONNX specification
};

void PrintTo(const PoolCase& c, std::ostream* os) {
  *os << c.name;
}

struct Window {
  double max = -std::numeric_limits<double>::infinity(), sum = 0;
  std::int64_t inside = 0, padded = 0;
};

Window brute_force(const PoolCase& t, const Values& in, std::int64_t b, std::int64_t c, std::int64_t y,
                   std::int64_t x) {
  Window r;
  const ops::Window& w = t.window;
  for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky)
    for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx) {
      const std::int64_t iy = y * w.stride[0] - w.pad[0] + ky * w.dilation[0];
      const std::int64_t ix = x * w.stride[1] - w.pad[1] + kx * w.dilation[1];
      if (iy < t.in[1] + w.pad[2] && ix < t.in[2] + w.pad[3]) ++r.padded;
      if (iy < 0 || iy >= t.in[1] || ix < 0 || ix >= t.in[2]) continue;
      ++r.inside;
      r.max = std::max<double>(r.max, at(in, b, c, iy, ix));
      r.sum += at(in, b, c, iy, ix);
    }
  return r;
}

class Pool : public ::testing::TestWithParam<PoolCase> {
 protected:
  template <class Check>
  void for_outputs(const Values& in, const Values& out, Check check) {
    const Shape& s = out.type.shape;
    for (std::int64_t b = 0; b < in.batch; ++b)
      for (std::int64_t c = 0; c < s[0]; ++c)
        for (std::int64_t y = 0; y < s[1]; ++y)
          for (std::int64_t x = 0; x < s[2]; ++x)
            check(brute_force(GetParam(), in, b, c, y, x), at(out, b, c, y, x));
  }
};

TEST(MaxPoolF32, CarriesANaNOn) {
  // In each place of a window of 2 x 2, and in all of them.
  const ops::MaxPoolOp op{{{2, 2}, {2, 2}}};
  std::vector<Values> in{random_values(f32_type({5, 2, 2}), 1, 3)};
  for (std::size_t c = 0; c < 5; ++c)
    for (std::size_t i = 0; i < 4; ++i)
      if (c == i || c == 4) in[0].data[c * 4 + i] = std::numeric_limits<float>::quiet_NaN();
  const Values y = run_op(op, in, f32_type({5, 1, 1}));
  for (std::size_t c = 0; c < 5; ++c) EXPECT_TRUE(std::isnan(y.data[c])) << c;
}

TEST_P(Pool, MaxPool) {
  const PoolCase& t = GetParam();
  const ops::MaxPoolOp op{t.window, t.ceil_mode};
  for (const ValueType& type : {f32_type(t.in), u8_type(t.in, 0.5f, 77)}) {
    const std::vector<Values> in{random_values(type, 2, 11)};
    ValueType output = type;
    output.shape = shape_of(op, in);
    ASSERT_EQ(output.shape, t.out);
    for (const int threads : {1, 2})
      for_outputs(in[0], run_op(op, in, output, threads),
                  [](const Window& w, float y) { ASSERT_EQ(y, w.max); });
  }
}

TEST_P(Pool, AveragePoolF32) {
  const PoolCase& t = GetParam();
  for (const bool count_include_pad : {false, true}) {
    const ops::AveragePoolOp op{t.window, t.ceil_mode, count_include_pad};
    const std::vector<Values> in{random_values(f32_type(t.in), 2, 12)};
    for_outputs(in[0], run_op(op, in, f32_type(t.out), 2), [&](const Window& w, float y) {
      ASSERT_NEAR(y, w.sum / static_cast<double>(count_include_pad ? w.padded : w.inside), 1e-5);
    });
  }
}

TEST_P(Pool, AveragePoolU8) {
  const PoolCase& t = GetParam();
  for (const bool count_include_pad : {false, true}) {
    const ops::AveragePoolOp op{t.window, t.ceil_mode, count_include_pad};
    const std::vector<Values> in{random_values(u8_type(t.in, 0.25f, 100), 2, 13)};
    const ValueType output = u8_type(t.out, 0.1875f, 90);
    for_outputs(in[0], run_op(op, in, output, 2), [&](const Window& w, float y) {
      const std::int64_t count = count_include_pad ? w.padded : w.inside;
      const float sum = static_cast<float>(w.sum - 100.0 * static_cast<double>(w.inside));
      const float m = static_cast<float>(0.25 / (0.1875 * static_cast<double>(count)));
      ASSERT_EQ(y, std::min(255.0f, std::max(0.0f, std::nearbyint(sum * m) + 90.0f)));
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Windows, Pool,
    ::testing::Values(
        PoolCase{"plain", {5, 8, 6}, {{2, 2}, {2, 2}}, false, {5, 4, 3}},
        PoolCase{"resnet_stem", {70, 15, 15}, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}, false, {70, 8, 8}},
        PoolCase{"ceil", {3, 8, 7}, {{3, 2}, {2, 2}}, true, {3, 4, 4}},
        PoolCase{"ceil_drops_window_in_padding",
                 {2, 5, 5},
                 {{2, 2}, {3, 3}, {1, 1}, {1, 1, 1, 1}},
                 true,
                 {2, 2, 2}},
        PoolCase{"ceil_beyond_padding", {4, 6, 6}, {{3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}}, true, {4, 3, 3}},
        PoolCase{"ceil_and_padding", {4, 7, 6}, {{4, 3}, {3, 2}, {1, 1}, {1, 0, 1, 0}}, true, {4, 3, 3}},
        PoolCase{"dilated", {130, 9, 10}, {{2, 3}, {1, 2}, {3, 2}, {1, 2, 2, 1}}, false, {130, 9, 5}},
        PoolCase{"one_pixel", {6, 1, 1}, {{1, 1}, {1, 1}}, false, {6, 1, 1}}),
    [](const auto& c) { return c.param.name; });

TEST(GlobalAveragePool, F32) {
  const std::vector<Values> in{random_values(f32_type({67, 5, 9}), 3, 14)};
  const Values y = run_op(ops::GlobalAveragePoolOp{}, in, f32_type({67, 1, 1}));
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    double sum = 0;
    for (std::size_t p = 0; p < 45; ++p) sum += in[0].data[i * 45 + p];
    ASSERT_NEAR(y.data[i], sum / 45, 1e-6);
  }
}

TEST(GlobalAveragePool, U8) {
  const std::vector<Values> in{random_values(u8_type({67, 5, 9}, 0.5f, 3), 3, 15)};
  const Values y = run_op(ops::GlobalAveragePoolOp{}, in, u8_type({67, 1, 1}, 0.375f, 20));
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    std::int32_t sum = 0;
    for (std::size_t p = 0; p < 45; ++p) sum += static_cast<std::int32_t>(in[0].data[i * 45 + p]) - 3;
    const float real = static_cast<float>(sum) * static_cast<float>(0.5 / (0.375 * 45.0));
    ASSERT_EQ(y.data[i], std::min(255.0f, std::max(0.0f, std::nearbyint(real) + 20.0f)));
  }
}

TEST(PoolErrors, AreRefused) {
  const ops::MaxPoolOp op{{{2, 2}, {2, 2}}, false};
  const std::vector<Values> in{random_values(u8_type({3, 4, 4}, 0.5f, 3), 1, 15)};
  expect_error(ErrorCode::invalid_argument, [&] { run_op(op, in, u8_type({3, 2, 2}, 0.25f, 3)); });
  expect_error(ErrorCode::shape_mismatch, [&] { run_op(op, in, u8_type({3, 2, 3}, 0.5f, 3)); });
  expect_error(ErrorCode::unsupported, [&] { run_op(op, in, f32_type({3, 2, 2})); });
  expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(op, std::vector<Shape>{{3, 4}}); });
}

}  // namespace
}  // namespace lowbit::testing
