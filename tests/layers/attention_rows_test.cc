// SPDX-License-Identifier: Apache-2.0
// Attention on keys and values that are rows in codes.
#include <cmath>

#include "layers/against_interpreter.h"
#include "support/effort.h"

namespace lowbit::testing {
namespace {

struct RowsCase {
  std::int64_t batch, heads, groups, queries, keys, size, value_size;
};

constexpr RowsCase kRowsCases[] = {
    {1, 1, 1, 1, 1, 1, 1},   {2, 3, 3, 5, 7, 8, 6},    {1, 4, 2, 1, 9, 16, 16},  {1, 2, 1, 70, 33, 5, 8},
    {1, 2, 2, 3, 700, 5, 9}, {1, 6, 2, 2, 40, 64, 32}, {1, 80, 1, 2, 5, 300, 3}, {2, 8, 4, 33, 20, 17, 33}};

Shape shape_by(bool by_head, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t size) {
  return by_head ? Shape{batch, heads, rows, size} : Shape{batch, rows, heads, size};
}

/// Queries, keys and values as floats.
std::vector<Values> float_inputs(const ops::AttentionOp& op, const RowsCase& s, std::int64_t samples) {
  return {
      random_values(f32_type(shape_by(op.queries_by_head, s.batch, s.heads, s.queries, s.size)), samples, 1),
      random_values(f32_type(shape_by(op.keys_by_head, s.batch, s.groups, s.keys, s.size)), samples, 2),
      random_values(f32_type(shape_by(op.values_by_head, s.batch, s.groups, s.keys, s.value_size)), samples,
                    3)};
}

std::vector<Values> as_rows(std::vector<Values> inputs, int key_bits, int value_bits) {
  inputs[1].type = rows_type(inputs[1].type.shape, key_bits);
  inputs[2].type = rows_type(inputs[2].type.shape, value_bits);
  return inputs;
}

/// What keys and values are once they were encoded.
std::vector<Values> decoded(std::vector<Values> inputs) {
  for (Values& v : inputs) {
    if (v.type.dtype != DType::rows) continue;
    v = unpack(pack(v), v.type, v.batch);
    v.type = f32_type(v.type.shape);
  }
  return inputs;
}

Values attended(const ops::AttentionOp& op, const std::vector<Values>& inputs, int threads = 1) {
  return run_op(op, inputs, f32_type(shape_of(op, inputs)), threads);
}

void expect_near_definition(const ops::AttentionOp& op, const std::vector<Values>& inputs) {
  const Values y = attended(op, inputs);
  const std::vector<double> want = expected(op, decoded(inputs));
  ASSERT_EQ(y.data.size(), want.size());
  // Queries and weights have 15 bits.
  for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(y.data[i], want[i], 2e-4) << i;
  const Values again = attended(op, inputs, 3);
  ASSERT_EQ(again.data, y.data);
}

TEST(AttentionOnRows, IsThatOfWhatRowsStandFor) {
  std::uint64_t index = 0;
  for (const RowsCase& s : kRowsCases)
    for (unsigned bits = 0; bits < 16; ++bits) {
      if (!affords(index++)) continue;
      const ops::AttentionOp op{0.5f, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      SCOPED_TRACE(std::to_string(s.heads) + " " + std::to_string(s.keys) + " " + std::to_string(bits));
      expect_near_definition(
          op, as_rows(float_inputs(op, s, s.keys < 100 ? 2 : 1), bits & 1 ? 8 : 4, bits & 2 ? 8 : 4));
    }
}

TEST(AttentionOnRows, WithAMaskOfEveryShape) {
  const ops::AttentionOp op{0.3f, true, true, true, false};
  for (unsigned bits = 0; bits < 16; ++bits) {
    std::vector<Values> all = as_rows(float_inputs(op, {2, 4, 2, 4, 5, 8, 8}, 2), 8, 4);
    all.push_back(random_values(
        f32_type({bits & 1 ? 2 : 1, bits & 2 ? 4 : 1, bits & 4 ? 4 : 1, bits & 8 ? 5 : 1}), 2, 9));
    expect_near_definition(op, all);
  }
}

TEST(AttentionOnRows, HiddenKeysDoNotCount) {
  const ops::AttentionOp op{1.0f, true, true, true, true};
  for (const int bits : {8, 4})
    for (const float lowest : {-INFINITY, std::numeric_limits<float>::lowest()}) {
      std::vector<Values> all = as_rows(float_inputs(op, {1, 1, 1, 2, 3, 4, 4}, 1), bits, bits);
      all.push_back(Values(f32_type({1, 1, 1, 3}), 1));
      all[3].data = {0.0f, lowest, 0.0f};
      const Values y = attended(op, all);
      for (std::size_t i = 4; i < 8; ++i) all[2].data[i] = 1e6f;  // the value of that key
      EXPECT_EQ(attended(op, all).data, y.data);
      all[3].data.assign(3, -INFINITY);
      EXPECT_EQ(attended(op, all).data, std::vector<float>(8, 0.0f));
    }
}

/// However many are asked at a time, and however many heads share keys.
TEST(AttentionOnRows, AQueryGetsTheSameBitsAloneAndAmongOthers) {
  const ops::AttentionOp op{0.25f, true, true, true, true};
  const RowsCase s{1, 6, 2, 30, 300, 32, 32};
  for (const int bits : {8, 4}) {
    const std::vector<Values> all = as_rows(float_inputs(op, s, 1), bits, bits);
    const Values y = attended(op, all);
    for (std::int64_t row = 0; row < s.queries; row += 7) {
      std::vector<Values> one = all;
      one[0] = Values(f32_type({1, s.heads, 1, s.size}), 1);
      for (std::int64_t head = 0; head < s.heads; ++head)
        std::copy_n(all[0].data.begin() + (head * s.queries + row) * s.size, s.size,
                    one[0].data.begin() + head * s.size);
      const Values alone = attended(op, one);
      for (std::int64_t head = 0; head < s.heads; ++head)
        for (std::int64_t i = 0; i < s.value_size; ++i)
          ASSERT_EQ(alone.data[static_cast<std::size_t>(head * s.value_size + i)],
                    y.data[static_cast<std::size_t>((head * s.queries + row) * s.value_size + i)]);
    }
  }
}

/// Against keys and values in floats: 64 elements a head, normally distributed.
TEST(AttentionOnRows, ErrorsOfEightAndFourBits) {
  const ops::AttentionOp op{0.125f, true, true, true, true};
  std::vector<Values> floats = float_inputs(op, {1, 8, 2, 4, 500, 64, 64}, 1);
  Random random(7);
  for (Values& v : floats)
    for (float& x : v.data) x = random.gaussian();
  const std::vector<double> want = expected(op, floats);
  const auto sqnr = [&](int key_bits, int value_bits) {
    const Values y = attended(op, as_rows(floats, key_bits, value_bits));
    double signal = 0, noise = 0;
    for (std::size_t i = 0; i < want.size(); ++i)
      signal += want[i] * want[i], noise += (y.data[i] - want[i]) * (y.data[i] - want[i]);
    return 10 * std::log10(signal / noise);
  };
  const double eight = sqnr(8, 8), four = sqnr(4, 4), mixed = sqnr(8, 4);
  RecordProperty("sqnr_8", std::to_string(eight));
  RecordProperty("sqnr_4", std::to_string(four));
  RecordProperty("sqnr_8_keys_4_values", std::to_string(mixed));
  EXPECT_NEAR(eight, 43.0, 0.5);
  EXPECT_NEAR(four, 18.7, 0.5);
  EXPECT_NEAR(mixed, 21.7, 0.5);
}

TEST(AttentionOnRows, AtTheEnds) {
  const ops::AttentionOp op{1e-3f, true, true, true, true};
  for (const int bits : {8, 4}) {
    // All codes are the highest or the lowest ones, as are the words of queries.
    std::vector<Values> all = as_rows(float_inputs(op, {1, 2, 1, 3, 600, 256, 8}, 1), bits, bits);
    for (Values& v : all)
      for (std::size_t i = 0; i < v.data.size(); ++i) v.data[i] = i % 64 == 0 ? -1.0f : 1.0f;
    expect_near_definition(op, all);
    std::fill(all[0].data.begin(), all[0].data.end(), 0.0f);
    expect_near_definition(op, all);
  }
}

TEST(AttentionOnRows, HasTheSameBitsEverywhere) {
  const ops::AttentionOp op{0.2f, true, true, true, false};
  const RowsCase cases[] = {{2, 4, 2, 70, 33, 20, 13}, {1, 8, 2, 1, 600, 64, 64}};
  const std::uint64_t golden[] = {0x5d72de218ce6a680u, 0x17927f0c2d787990u, 0x50e6bd537a9b5d92u,
                                  0xcfe840049f45ad9eu};
  for (std::size_t i = 0; i < 4; ++i) {
    const RowsCase& s = cases[i / 2];
    std::vector<Values> in = as_rows(float_inputs(op, s, 2), i % 2 ? 4 : 8, i % 2 ? 4 : 8);
    in.push_back(random_values(f32_type({1, 1, s.queries, s.keys}), 2, 9));
    const Values y = attended(op, in);
    EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), golden[i]) << i;
  }
}

}  // namespace
}  // namespace lowbit::testing
