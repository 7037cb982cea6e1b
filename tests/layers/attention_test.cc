// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "layers/against_interpreter.h"
#include "support/effort.h"

namespace lowbit::testing {
namespace {

struct Sizes {
  std::int64_t batch, heads, groups, queries, keys, size, value_size;
};

Shape heads_shape(bool by_head, std::int64_t batch, std::int64_t heads, std::int64_t rows,
                  std::int64_t size) {
  return by_head ? Shape{batch, heads, rows, size} : Shape{batch, rows, heads, size};
}

std::vector<Values> inputs(const ops::AttentionOp& op, const Sizes& s, std::int64_t samples) {
  return {
      random_values(f32_type(heads_shape(op.queries_by_head, s.batch, s.heads, s.queries, s.size)), samples,
                    1),
      random_values(f32_type(heads_shape(op.keys_by_head, s.batch, s.groups, s.keys, s.size)), samples, 2),
      random_values(f32_type(heads_shape(op.values_by_head, s.batch, s.groups, s.keys, s.value_size)),
                    samples, 3)};
}

TEST(Attention, OfEveryArrangementOfHeads) {
  const Sizes sizes[] = {
      {1, 1, 1, 1, 1, 1, 1}, {2, 3, 3, 5, 7, 8, 6}, {1, 4, 2, 1, 9, 16, 16}, {1, 2, 1, 130, 33, 4, 8}};
  for (const Sizes& s : sizes)
    for (unsigned bits = 0; bits < 16; ++bits) {
      const ops::AttentionOp op{0.5f, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      expect_floats(op, inputs(op, s, 2), 1e-5);
    }
}

TEST(Attention, WithAMaskOfEveryShape) {
  const ops::AttentionOp op{0.3f, true, false, true, false};
  const Sizes s{2, 3, 3, 4, 5, 8, 8};
  for (unsigned bits = 0; bits < 16; ++bits) {
    std::vector<Values> all = inputs(op, s, 2);
    all.push_back(random_values(
        f32_type({bits & 1 ? 2 : 1, bits & 2 ? 3 : 1, bits & 4 ? 4 : 1, bits & 8 ? 5 : 1}), 2, 9));
    expect_floats(op, all, 1e-5);
  }
}

TEST(Attention, KeysThatAreMaskedDoNotCount) {
  const ops::AttentionOp op{1.0f, true, true, true, true};
  std::vector<Values> all = inputs(op, {1, 1, 1, 2, 3, 4, 4}, 1);
  all.push_back(random_values(f32_type({1, 1, 1, 3}), 1, 9));
  for (const float lowest : {-INFINITY, std::numeric_limits<float>::lowest()}) {
    all[3].data = {0.0f, lowest, 0.0f};
    const Values y = run_op(op, all, f32_type({1, 1, 2, 4}));
    for (std::size_t i = 4; i < 8; ++i) all[2].data[i] = 1e6f;  // the value of that key
    const Values z = run_op(op, all, f32_type({1, 1, 2, 4}));
    EXPECT_EQ(y.data, z.data);
  }
}

/// Inputs as codes, the mask as floats.
std::vector<Values> code_inputs(const ops::AttentionOp& op, const Sizes& s, std::int64_t samples,
                                bool has_mask) {
  std::vector<Values> all = inputs(op, s, samples);
  const float scales[] = {0.02f, 0.03f, 0.01f};
  const int zeros[] = {120, 131, 3};
  for (std::size_t i = 0; i < 3; ++i)
    all[i] = random_values(u8_type(all[i].type.shape, scales[i], zeros[i]), samples, i + 1);
  if (has_mask) all.push_back(random_values(f32_type({1, 1, s.queries, s.keys}), samples, 9));
  return all;
}

TEST(Attention, OnCodes) {
  const Sizes sizes[] = {{1, 1, 1, 1, 1, 1, 1},
                         {2, 3, 3, 5, 7, 8, 6},
                         {1, 4, 2, 1, 9, 16, 16},
                         {1, 2, 1, 130, 33, 4, 8},
                         {1, 2, 2, 3, 700, 5, 9}};
  std::uint64_t index = 0;
  for (const Sizes& s : sizes)
    for (unsigned bits = 0; bits < 32; ++bits) {
      if (!affords(index++)) continue;
      const ops::AttentionOp op{0.5f, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      const std::vector<Values> in = code_inputs(op, s, 2, (bits & 16) != 0);
      const Values y = run_op(op, in, u8_type(shape_of(op, in), 0.01f, 20), 2);
      const std::vector<double> want = expected(op, in);
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double code = std::min(255.0, std::max(0.0, want[i] / 0.01 + 20));
        ASSERT_NEAR(y.data[i], code, 0.52) << i;  // weights have 15 bits
      }
    }
}

TEST(Attention, OnCodesHasTheSameBitsEverywhere) {
  const ops::AttentionOp op{0.2f, true, false, true, false};
  const Sizes sizes[] = {{2, 4, 2, 70, 33, 20, 12}, {1, 2, 2, 5, 600, 64, 64}};
  const std::uint64_t golden[] = {0x70ba2bbf056c6d65u, 0x31bb90df52106df3u};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::vector<Values> in = code_inputs(op, sizes[i], 2, true);
    const Values y = run_op(op, in, u8_type(shape_of(op, in), 0.01f, 20));
    EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), golden[i]);
  }
}

/// Random scores hide nothing: all codes at their ends, and a query that may see nothing.
TEST(Attention, OnCodesAtTheEnds) {
  const ops::AttentionOp op{1.0f, true, true, true, true};
  const Sizes s{1, 1, 1, 3, 300, 64, 8};
  std::vector<Values> in = code_inputs(op, s, 1, true);
  in[2].type.qparams.zero_point = 0;
  for (std::size_t i = 0; i < 3; ++i) std::fill(in[i].data.begin(), in[i].data.end(), 255.0f);
  std::fill(in[3].data.begin(), in[3].data.end(), 0.0f);
  for (std::size_t i = 0; i < 300; ++i) in[3].data[i] = -INFINITY;
  const Values y = run_op(op, in, u8_type({1, 1, 3, 8}, 0.02f, 20));
  for (std::size_t i = 0; i < 24; ++i)
    EXPECT_EQ(y.data[i], i < 8 ? 20.0f : std::nearbyint(2.55f / 0.02f) + 20.0f) << i;
}

TEST(Attention, WhatDoesNotGoTogetherIsRefused) {
  const auto refuse = [](std::vector<Shape> shapes) {
    expect_error(ErrorCode::shape_mismatch, [&] { ops::infer_shape(ops::AttentionOp{}, shapes); });
  };
  const Shape q{1, 4, 5, 8};
  refuse({q, q});
  refuse({q, {1, 4, 5, 7}, q});
  refuse({q, {1, 3, 5, 8}, {1, 3, 5, 8}});
  refuse({q, {1, 4, 6, 8}, q});
  refuse({q, {2, 4, 5, 8}, q});
  refuse({{4, 5, 8}, q, q});
  refuse({q, q, q, {1, 4, 5, 4}});
  expect_error(ErrorCode::invalid_argument, [&] {
    ops::infer_shape(ops::AttentionOp{NAN, true, true, true, true}, std::vector<Shape>{q, q, q});
  });
}

}  // namespace
}  // namespace lowbit::testing
