// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/blocked.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/quant/quantize.h"
#include "support/random.h"

namespace lowbit {
namespace {

Tensor random_tensor(const Shape& shape, std::uint32_t seed) {
  testing::Random random(seed);
  Tensor x(shape);
  for (float& v : x.data) v = random.gaussian();
  return x;
}

template <class F>
void expect_code(ErrorCode code, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
  }
}

/// Every element on its own through quantize() of spans.
std::vector<std::int32_t> one_by_one(const Tensor& x, const BlockedQParams& q, IntRange codes,
                                     const std::vector<std::size_t>& slots) {
  std::vector<std::int32_t> out(x.data.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    quantize({&x.data[i], 1}, {q.scales[slots[i]], q.zero_points[slots[i]]}, codes, std::span(&out[i], 1));
  return out;
}

TEST(Blocked, ScalesGoAlongAnAxis) {
  const Tensor x = random_tensor({2, 3, 4}, 1);
  const std::vector<float> scales = {0.3f, 0.07f, 0.011f};
  const std::vector<std::int32_t> zeros = {1, -2, 3};
  std::vector<std::size_t> slots;
  for (std::size_t i = 0; i < 24; ++i) slots.push_back(i / 4 % 3);
  for (const int axis : {1, -2}) {
    const BlockedQParams q{scales, zeros, axis};
    std::vector<std::int32_t> codes(24);
    quantize(x, q, signed_range(5), codes);
    EXPECT_EQ(codes, one_by_one(x, q, signed_range(5), slots));
    std::vector<std::int8_t> narrow(24);
    quantize(x, q, signed_range(5), narrow);
    EXPECT_EQ(codes, std::vector<std::int32_t>(narrow.begin(), narrow.end()));
    Tensor wide_back(x.shape), narrow_back(x.shape);
    dequantize(codes, q, wide_back);
    dequantize(narrow, q, narrow_back);
    EXPECT_EQ(wide_back, narrow_back);
    for (std::size_t i = 0; i < 24; ++i)
      EXPECT_EQ(wide_back.data[i], static_cast<float>(codes[i] - zeros[slots[i]]) * scales[slots[i]]);
  }
}

TEST(Blocked, TheLastBlockMayBeShort) {
  const Tensor x = random_tensor({2, 5, 3}, 2);
  std::vector<float> scales(2 * 3 * 3);
  std::vector<std::int32_t> zeros(scales.size());
  for (std::size_t i = 0; i < scales.size(); ++i)
    scales[i] = 0.1f + 0.013f * static_cast<float>(i), zeros[i] = static_cast<std::int32_t>(i);
  const BlockedQParams q{scales, zeros, 1, 2};
  std::vector<std::size_t> slots;
  for (std::size_t i = 0; i < 30; ++i) slots.push_back((i / 15 * 3 + i / 3 % 5 / 2) * 3 + i % 3);
  std::vector<std::uint8_t> codes(30);
  quantize(x, q, unsigned_range(6), codes);
  EXPECT_EQ(std::vector<std::int32_t>(codes.begin(), codes.end()),
            one_by_one(x, q, unsigned_range(6), slots));
  Tensor back(x.shape);
  dequantize(codes, q, back);
  for (std::size_t i = 0; i < 30; ++i)
    EXPECT_EQ(back.data[i], static_cast<float>(codes[i] - zeros[slots[i]]) * scales[slots[i]]);
}

TEST(Blocked, ReadsAndWritesThroughStrides) {
  const Tensor x = random_tensor({4, 3}, 3);
  const std::array<std::ptrdiff_t, Shape::kMaxRank> transposed{1, 3};
  const std::vector<float> scales = {0.5f, 0.25f, 0.125f};
  std::vector<std::int32_t> straight(12), turned(12);
  quantize(x, {.scales = scales, .axis = 1}, signed_range(8), straight);
  quantize(TensorView(x.data.data(), {3, 4}, transposed), {.scales = scales}, signed_range(8), turned);
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(straight[r * 3 + c], turned[c * 4 + r]);
  Tensor back(x.shape), expected(x.shape);
  dequantize(straight, {.scales = scales, .axis = 1}, expected);
  dequantize(turned, {.scales = scales}, MutableTensorView(back.data.data(), {3, 4}, transposed));
  EXPECT_EQ(back, expected);
}

TEST(Blocked, OneScaleIsForAllWhateverTheAxis) {
  const float scale[] = {0.5f};
  const Tensor x(Shape{}, {3.0f});
  std::vector<std::int32_t> code(1);
  quantize(x, {.scales = scale, .axis = 7, .block_size = 3}, signed_range(8), code);
  EXPECT_EQ(code[0], 6);
  const Tensor empty{Shape{0, 3}};
  quantize(empty, {.scales = scale}, signed_range(8), std::span<std::int32_t>{});
}

TEST(Blocked, DivisionAndReciprocalDifferNextToTheMiddle) {
  const float scale[] = {5.0f / 255};
  const Tensor x({4}, {-2.5f, NAN, HUGE_VALF, -HUGE_VALF});
  std::vector<std::int32_t> codes(4);
  quantize(x, {.scales = scale}, signed_range(9), codes, ScaleArithmetic::reciprocal);
  EXPECT_EQ(codes, (std::vector<std::int32_t>{-128, 0, 255, -256}));
  quantize(x, {.scales = scale}, signed_range(9), codes, ScaleArithmetic::division);
  EXPECT_EQ(codes, (std::vector<std::int32_t>{-127, 0, 255, -256}));
}

TEST(Blocked, MinifloatsHaveAScaleForEachBlock) {
  const Tensor x({2, 4}, {-0.0f, 1.0f, 3.0f, 100.0f, 2.0f, 4.0f, -6.0f, -24.0f});
  const std::vector<float> scales = {1.0f, 2.0f, 2.0f, 4.0f};
  const BlockedQParams q{.scales = scales, .axis = 1, .block_size = 2};
  std::vector<std::uint8_t> codes(8);
  quantize(x, q, MiniFloat::fp4_e2m1, codes);
  EXPECT_EQ(codes, (std::vector<std::uint8_t>{0, 2, 3, 7, 2, 4, 11, 15}));
  Tensor back(x.shape);
  dequantize(codes, q, MiniFloat::fp4_e2m1, back);
  EXPECT_EQ(back.data, (std::vector<float>{0, 1, 3, 12, 2, 4, -6, -24}));
  quantize(x, {.scales = {scales.data(), 1}}, MiniFloat::fp8_e5m2, codes, minifloat::Overflow::spec,
           ScaleArithmetic::division);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(codes[i], minifloat::encode(MiniFloat::fp8_e5m2, x.data[i] + 0.0f));
}

TEST(Blocked, RefusesWhatDoesNotFit) {
  const Tensor x({2, 3});
  Tensor out({2, 3});
  const std::vector<float> two = {1, 1}, bad = {1, 0};
  const std::vector<std::int32_t> zeros = {0, 300}, three = {0, 0, 0};
  std::vector<std::uint8_t> codes(6, 77), five(5);
  const auto with = [&](const BlockedQParams& q) { quantize(x, q, unsigned_range(8), codes); };
  for (const int axis : {2, -3, 6})
    expect_code(ErrorCode::invalid_argument, [&] { with({.scales = two, .axis = axis}); });
  expect_code(ErrorCode::invalid_argument, [&] { with({.scales = two, .block_size = -1}); });
  expect_code(ErrorCode::invalid_argument, [&] { with({.scales = bad}); });
  expect_code(ErrorCode::invalid_argument, [&] { with({two, zeros}); });
  expect_code(ErrorCode::shape_mismatch, [&] { with({.scales = two, .axis = 1}); });
  expect_code(ErrorCode::shape_mismatch, [&] { with({.scales = two, .block_size = 2}); });
  expect_code(ErrorCode::shape_mismatch, [&] { with({two, three}); });
  expect_code(ErrorCode::shape_mismatch, [&] { with({}); });
  expect_code(ErrorCode::shape_mismatch, [&] { dequantize(five, {.scales = two}, out); });
  const MiniFloat format = MiniFloat::fp8_e4m3fn;
  expect_code(ErrorCode::invalid_argument, [&] { quantize(x, {.scales = bad}, format, codes); });
  expect_code(ErrorCode::invalid_argument, [&] { quantize(x, {two, zeros}, format, codes); });
  expect_code(ErrorCode::invalid_argument, [&] { dequantize(codes, {two, zeros}, format, out); });
  expect_code(ErrorCode::shape_mismatch, [&] { quantize(x, {.scales = two}, format, five); });
  EXPECT_EQ(codes, std::vector<std::uint8_t>(6, 77)) << "something was written";
}

}  // namespace
}  // namespace lowbit
