// SPDX-License-Identifier: Apache-2.0
// Rows in codes: how they lie, how near they come, and what is left of numbers that are none.
#include "lowbit/layers/row_codes.h"

#include <cmath>
#include <limits>

#include "layers/coded_row.h"
#include "layers/layer_test.h"

namespace lowbit::testing {
namespace {

std::vector<std::byte> encoded(const std::vector<float>& row, int bits) {
  std::vector<std::byte> bytes(coded_row_bytes(static_cast<std::int64_t>(row.size()), bits));
  encode_rows(row.data(), 1, static_cast<std::int64_t>(row.size()), bits, bytes.data());
  return bytes;
}

std::vector<float> there_and_back(const std::vector<float>& row, int bits) {
  std::vector<float> x(row.size());
  decode_rows(encoded(row, bits).data(), 1, static_cast<std::int64_t>(row.size()), bits, x.data());
  return x;
}

std::vector<int> integers(const std::vector<std::byte>& bytes) {
  std::vector<int> values;
  for (const std::byte b : bytes) values.push_back(std::to_integer<int>(b));
  return values;
}

TEST(RowCodes, LieAsTheHeaderDrawsThem) {
  // Middle 1 (0x3F80) and scale 2 (0x4000): levels -14, -12 ... 16 of 4 bits.
  EXPECT_EQ(integers(encoded({-14.0f, -12.1f, 16.0f, 2.2f, 0.1f}, 4)),
            (std::vector<int>{0x10, 0x8F, 0x07, 0x00, 0x40, 0x80, 0x3F}));
  // Middle -0.5 (0xBF00) and scale 0.5 (0x3F00): levels -64.25 ... 63.25 of 8 bits.
  EXPECT_EQ(integers(encoded({-64.25f, 63.25f, -0.3f}, 8)),
            (std::vector<int>{0, 255, 128, 0x00, 0x3F, 0x00, 0xBF}));
  // The row of docs/quantization.md.
  EXPECT_EQ(integers(encoded({0.503f, -1.27f, 0.25f, 0.03f}, 4)),
            (std::vector<int>{0x0F, 0xBD, 0xF3, 0x3D, 0xC4, 0xBE}));
  EXPECT_EQ(coded_row_bytes(64, 8), 68u);
  EXPECT_EQ(coded_row_bytes(64, 4), 36u);
  EXPECT_EQ(coded_row_bytes(5, 4), 7u);
  EXPECT_EQ(coded_rows_bytes({2, 3, 4, 64}, 4), 24u * 36u);
  EXPECT_EQ(coded_rows_bytes({2, 3, 0, 64}, 4), 0u);
}

/// Half a step, a step being 1 % more than the range needs at most.
TEST(RowCodes, ComeAsNearAsTheirBitsAllow) {
  Random random(1);
  for (const int bits : {8, 4})
    for (const float size : {1e-30f, 1e-4f, 1.0f, 1e30f})
      for (const float offset : {0.0f, 1.0f, -3.0f})
        for (int row = 0; row < 20; ++row) {
          std::vector<float> x;
          for (int i = 0; i < 33; ++i) x.push_back(size * (offset + random.uniform()));
          const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
          // The middle is rounded to 8 bits, by which the ends may lie further apart from it.
          const float middle = std::fabs(*lo * 0.5f + *hi * 0.5f) / 256;
          const float step = (*hi - *lo + 2 * middle) / static_cast<float>((1 << bits) - 1) * 1.01f;
          const std::vector<float> y = there_and_back(x, bits);
          for (std::size_t i = 0; i < x.size(); ++i)
            ASSERT_LE(std::fabs(x[i] - y[i]), step * 0.501f) << bits << " " << size << " " << offset;
        }
}

TEST(RowCodes, OfEqualElements) {
  for (const int bits : {8, 4}) {
    for (const float x : {0.0f, 1.0f, -0.75f}) EXPECT_EQ(there_and_back({x, x, x}, bits), std::vector(3, x));
    for (const float x : {0.1f, -1e-30f, 3e38f})
      for (const float y : there_and_back({x, x, x}, bits)) EXPECT_NEAR(y / x, 1.0f, 5e-5);
  }
}

TEST(RowCodes, OfNumbersThatAreNone) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const int bits : {8, 4}) {
    const std::vector<float> y = there_and_back({-1.0f, infinity, NAN, 2.0f, -infinity}, bits);
    EXPECT_EQ(y[1], y[3]);
    EXPECT_EQ(y[4], y[0]);
    EXPECT_NEAR(y[2], 0.5f, 0.11f);
    EXPECT_EQ(there_and_back({NAN, infinity}, bits), std::vector(2, 0.0f));
  }
}

TEST(RowCodes, HaveTheSameBitsEverywhere) {
  const Values x = random_values(f32_type({1, 3, 40, 70}), 1, 5);
  const std::uint64_t golden[] = {0xa1651aee3cf56c53u, 0xd4a2fdbc13f0d473u};
  for (const int bits : {8, 4}) {
    std::vector<std::byte> bytes(coded_rows_bytes(x.type.shape, bits));
    encode_rows(x.data.data(), 120, 70, bits, bytes.data());
    EXPECT_EQ(fnv1a(bytes.data(), bytes.size()), golden[bits == 4]) << bits;
  }
}

TEST(RowCodes, AreMadeAndJoined) {
  for (const int bits : {8, 4}) {
    const Values first = random_values(f32_type({2, 3, 4, 7}), 2, 1),
                 second = random_values(f32_type({2, 3, 1, 7}), 2, 2);
    const Values made = run_op(ops::QuantizeOp{}, {second}, rows_type(second.type.shape, bits), 2);
    std::vector<float> want;
    for (std::size_t r = 0; r < 12; ++r) {
      const auto at = second.data.begin() + static_cast<std::ptrdiff_t>(r * 7);
      const std::vector<float> row = there_and_back({at, at + 7}, bits);
      want.insert(want.end(), row.begin(), row.end());
    }
    EXPECT_EQ(made.data, want);
    Values past = first, now = second, floats = Values(f32_type({2, 3, 5, 7}), 2);
    past.type = rows_type(first.type.shape, bits), now.type = rows_type(second.type.shape, bits);
    const Values all = run_op(ops::ConcatOp{2}, {past, now}, rows_type({2, 3, 5, 7}, bits));
    for (std::size_t head = 0; head < 12; ++head)
      for (std::size_t row = 0; row < 5; ++row) {
        const auto at = row < 4 ? first.data.begin() + static_cast<std::ptrdiff_t>((head * 4 + row) * 7)
                                : second.data.begin() + static_cast<std::ptrdiff_t>(head * 7);
        const auto joined = all.data.begin() + static_cast<std::ptrdiff_t>((head * 5 + row) * 7);
        EXPECT_EQ(std::vector(joined, joined + 7), there_and_back({at, at + 7}, bits));
      }
  }
}

TEST(RowCodes, AreRefusedByWhatKnowsNone) {
  const Shape shape{1, 2, 3, 8};
  const auto refuse = [](const auto& op, std::vector<ValueType> in, const ValueType& out) {
    std::vector<Values> inputs;
    for (const ValueType& type : in) inputs.emplace_back(type, 1);
    expect_error(ErrorCode::unsupported, [&] { step_of(ops::Op(op), inputs, out); });
  };
  const ValueType rows = rows_type(shape, 8), floats = f32_type(shape);
  refuse(ops::AddOp{}, {rows, rows}, rows);
  refuse(ops::AddOp{}, {floats, rows}, floats);
  refuse(ops::DequantizeOp{}, {rows}, floats);
  refuse(ops::SoftmaxOp{3}, {rows}, rows);
  refuse(ops::QuantizeOp{}, {rows}, rows);
  refuse(ops::QuantizeOp{}, {f32_type({3, 8})}, rows_type({3, 8}, 8));
  refuse(ops::QuantizeOp{}, {floats}, rows_type(shape, 5));
  refuse(ops::ConcatOp{2}, {rows, floats}, rows_type({1, 2, 6, 8}, 8));
  refuse(ops::ConcatOp{2}, {rows, rows_type(shape, 4)}, rows_type({1, 2, 6, 8}, 8));
  refuse(ops::ConcatOp{3}, {rows, rows}, rows_type({1, 2, 3, 16}, 8));
  const ops::AttentionOp attention{};
  refuse(attention, {floats, rows, floats}, floats);
  refuse(attention, {rows, rows, rows}, floats);
  refuse(attention, {floats, rows, rows}, u8_type(shape, 0.1f, 3));
}

}  // namespace
}  // namespace lowbit::testing
