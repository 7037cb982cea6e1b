// SPDX-License-Identifier: Apache-2.0
// Recurrent networks and attention, against their formulas element by element; quantization and losses.
#include <gtest/gtest.h>

#include <cmath>

#include "arrays/apply_function.h"
#include "lowbit/core/error.h"

namespace lowbit::testing {
namespace {

Array small_array(const Shape& shape, Random& random) {
  Array a = random_array({ElementType::f32, shape}, random);
  for (float& v : a.floats) v /= 8;
  return a;
}

float at(const Array& a, const std::vector<std::int64_t>& where) {
  return a.floats[place_of(a.type.shape, where)];
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

constexpr std::int64_t kSteps = 4, kBatch = 3, kInputs = 2, kHidden = 5;
constexpr std::int64_t kLengths[] = {4, 0, 2};

/// Of LSTM with peepholes, in both directions: the hidden state [direction, batch, hidden] after the last
/// step.
std::vector<double> naive_lstm(const std::vector<Array>& in) {
  std::vector<double> states;
  for (std::int64_t d = 0; d < 2; ++d)
    for (std::int64_t b = 0; b < kBatch; ++b) {
      std::vector<double> h(kHidden), c(kHidden);
      for (std::int64_t i = 0; i < kHidden; ++i)
        h[static_cast<std::size_t>(i)] = at(in[5], {d, b, i}),
        c[static_cast<std::size_t>(i)] = at(in[6], {d, b, i});
      for (std::int64_t s = 0; s < kLengths[b]; ++s) {
        const std::int64_t t = d == 0 ? s : kLengths[b] - 1 - s;
        const std::vector<double> before = h;
        for (std::int64_t i = 0; i < kHidden; ++i) {
          const auto gate = [&](std::int64_t g) {
            const std::int64_t row = g * kHidden + i;
            double sum = static_cast<double>(at(in[3], {d, row})) + at(in[3], {d, 4 * kHidden + row});
            for (std::int64_t k = 0; k < kInputs; ++k) sum += at(in[1], {d, row, k}) * at(in[0], {t, b, k});
            for (std::int64_t k = 0; k < kHidden; ++k)
              sum += at(in[2], {d, row, k}) * before[static_cast<std::size_t>(k)];
            return sum;
          };
          double& cell = c[static_cast<std::size_t>(i)];
          const double input = sigmoid(gate(0) + at(in[7], {d, i}) * cell);
          const double forget = sigmoid(gate(2) + at(in[7], {d, 2 * kHidden + i}) * cell);
          cell = forget * cell + input * std::tanh(gate(3));
          h[static_cast<std::size_t>(i)] =
              sigmoid(gate(1) + at(in[7], {d, kHidden + i}) * cell) * std::tanh(cell);
        }
      }
      states.insert(states.end(), h.begin(), h.end());
    }
  return states;
}

TEST(Recurrent, LstmRunsBothWaysThroughSequencesOfTheirLengths) {
  Random random(1);
  std::vector<Array> in = {small_array(Shape{kSteps, kBatch, kInputs}, random),
                           small_array(Shape{2, 4 * kHidden, kInputs}, random),
                           small_array(Shape{2, 4 * kHidden, kHidden}, random),
                           small_array(Shape{2, 8 * kHidden}, random),
                           integer_array(Shape{kBatch}, {4, 0, 2}, ElementType::i32),
                           small_array(Shape{2, kBatch, kHidden}, random),
                           small_array(Shape{2, kBatch, kHidden}, random),
                           small_array(Shape{2, 3 * kHidden}, random)};
  const Applied lstm{"LSTM", 14, {text("direction", "bidirectional"), ints("hidden_size", {kHidden})}, 3};
  const std::vector<Array> out = apply_all(lstm, in);
  const std::vector<double> want = naive_lstm(in);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(out[1].floats[i], want[i], 1e-6);
  // Y ends where Y_h is, and is zero after a sequence's end.
  for (std::int64_t i = 0; i < kHidden; ++i) {
    EXPECT_EQ(at(out[0], {1, 0, 2, i}), at(out[1], {0, 2, i}));
    EXPECT_EQ(at(out[0], {0, 1, 2, i}), at(out[1], {1, 2, i}));
    EXPECT_EQ(at(out[0], {2, 0, 2, i}), 0);
    EXPECT_EQ(at(out[0], {0, 0, 1, i}), 0);
  }
  // The other layout is the same with axes exchanged.
  std::vector<Array> turned = in;
  for (const std::size_t i : {0, 5, 6}) {
    const Shape& s = in[i].type.shape;
    turned[i] = Array({ElementType::f32, Shape{s[1], s[0], s[2]}});
    for_each_coordinate(s, [&](const std::vector<std::int64_t>& p, std::size_t from) {
      turned[i].floats[place_of(turned[i].type.shape, {p[1], p[0], p[2]})] = in[i].floats[from];
    });
  }
  Applied by_batch = lstm;
  by_batch.attributes.push_back(ints("layout", {1}));
  const std::vector<Array> other = apply_all(by_batch, turned);
  for_each_coordinate(out[0].type.shape, [&](const std::vector<std::int64_t>& p, std::size_t i) {
    EXPECT_EQ(at(other[0], {p[2], p[0], p[1], p[3]}), out[0].floats[i]);
  });
  in[7] = small_array(Shape{2, kHidden}, random);
  EXPECT_THROW(apply_all(lstm, in), Error);
}

TEST(Recurrent, GruAndRnnTakeOtherActivations) {
  Random random(2);
  const Array x = small_array(Shape{1, 1, kInputs}, random), h = small_array(Shape{1, 1, kHidden}, random);
  const Array w = small_array(Shape{1, 3 * kHidden, kInputs}, random);
  const Array r = small_array(Shape{1, 3 * kHidden, kHidden}, random);
  const Array bias = small_array(Shape{1, 6 * kHidden}, random);
  const auto sum = [&](const Array& weights, const Array& of, std::int64_t row, std::int64_t n,
                       std::int64_t b) {
    double s = at(bias, {0, b});
    for (std::int64_t k = 0; k < n; ++k) s += at(weights, {0, row, k}) * at(of, {0, 0, k});
    return s;
  };
  for (const std::int64_t later : {0, 1}) {
    const Array y = apply({"GRU", 14, {ints("linear_before_reset", {later}), text("direction", "reverse")}},
                          {x, w, r, bias, Array{}, h});
    for (std::int64_t i = 0; i < kHidden; ++i) {
      const auto gate = [&](std::int64_t row) {
        return sum(w, x, row, kInputs, row) + sum(r, h, row, kHidden, 3 * kHidden + row);
      };
      const double update = sigmoid(gate(i));
      double from_h = 0;
      const std::int64_t row = 2 * kHidden + i;
      for (std::int64_t k = 0; k < kHidden; ++k)
        from_h += at(r, {0, row, k}) * at(h, {0, 0, k}) * (later ? 1 : sigmoid(gate(kHidden + k)));
      from_h += at(bias, {0, 3 * kHidden + row});
      if (later) from_h *= sigmoid(gate(kHidden + i));
      const double next = std::tanh(sum(w, x, row, kInputs, row) + from_h);
      EXPECT_NEAR(at(y, {0, 0, 0, i}), (1 - update) * next + update * at(h, {0, 0, i}), 1e-6);
    }
  }
  const Array one({ElementType::f32, Shape{1, 1, 1}});
  const Array input = float_array(Shape{1, 1, 1}, {-3}), weight = float_array(Shape{1, 1, 1}, {1});
  const auto rnn = [&](std::vector<ArrayAttribute> a) {
    return apply({"RNN", 14, std::move(a)}, {input, weight, one}).floats[0];
  };
  EXPECT_EQ(rnn({text("activations", "Relu")}), 0);
  EXPECT_EQ(rnn({text("activations", "Affine"), {"activation_alpha", {}, {2}}, {"activation_beta", {}, {1}}}),
            -5);
  EXPECT_EQ(rnn({text("activations", "Affine"), number("clip", 2)}), -2);
  EXPECT_FLOAT_EQ(rnn({text("activations", "LeakyRelu")}), -0.03f);
  EXPECT_EQ(rnn({text("activations", "Softsign")}), -0.75f);
  EXPECT_THROW(rnn({text("activations", "Sine")}), Error);
  EXPECT_THROW(rnn({text("activations", "Relu Relu")}), Error);
}

struct AttentionForm {
  bool causal = false, has_past = false, has_lengths = false;
  double softcap = 0;
};

TEST(Attention, FollowsItsFormula) {
  Random random(3);
  constexpr std::int64_t kQueries = 3, kKeys = 4, kSize = 2, kValue = 3;
  for (const AttentionForm& f : {AttentionForm{}, AttentionForm{true, true}, AttentionForm{true, false, true},
                                 AttentionForm{false, false, true, 0.5}, AttentionForm{true}}) {
    const std::int64_t past = f.has_past ? 2 : 0, total = kKeys + past;
    const Array q = small_array(Shape{2, 4, kQueries, kSize}, random),
                k = small_array(Shape{2, 2, kKeys, kSize}, random);
    const Array v = small_array(Shape{2, 2, kKeys, kValue}, random),
                mask = small_array(Shape{4, 1, total}, random);
    std::vector<Array> in = {q, k, v, mask, Array{}, Array{}, Array{}};
    if (f.has_past)
      in[4] = small_array(Shape{2, 2, past, kSize}, random),
      in[5] = small_array(Shape{2, 2, past, kValue}, random);
    if (f.has_lengths) in[6] = vector_of({4, 2});
    const std::vector<Array> out =
        apply_all({"Attention",
                   24,
                   {ints("is_causal", {f.causal}), number("softcap", static_cast<float>(f.softcap)),
                    ints("qk_matmul_output_mode", {3})},
                   4},
                  in);
    EXPECT_EQ(out[1].type.shape, (Shape{2, 2, total, kSize}));
    for_each_coordinate(Shape{2, 4, kQueries}, [&](const std::vector<std::int64_t>& p, std::size_t) {
      const std::int64_t b = p[0], g = p[1] / 2, length = f.has_lengths ? (b == 0 ? 4 : 2) : total;
      const std::int64_t offset = f.has_lengths ? length - kQueries : past;
      std::vector<double> weight(static_cast<std::size_t>(total));
      double sum = 0;
      for (std::int64_t j = 0; j < total; ++j) {
        if (j >= length || (f.causal && j > p[2] + offset)) continue;
        double score = 0;
        for (std::int64_t c = 0; c < kSize; ++c)
          score += at(q, {b, p[1], p[2], c}) * at(out[1], {b, g, j, c});
        score /= std::sqrt(2.0);
        if (f.softcap > 0) score = f.softcap * std::tanh(score / f.softcap);
        sum += weight[static_cast<std::size_t>(j)] = std::exp(score + at(mask, {p[1], 0, j}));
      }
      for (std::int64_t j = 0; j < total; ++j)
        EXPECT_NEAR(at(out[3], {b, p[1], p[2], j}), sum > 0 ? weight[static_cast<std::size_t>(j)] / sum : 0,
                    1e-6);
      for (std::int64_t c = 0; c < kValue; ++c) {
        double want = 0;
        for (std::int64_t j = 0; j < total && sum > 0; ++j)
          want += weight[static_cast<std::size_t>(j)] / sum * at(out[2], {b, g, j, c});
        EXPECT_NEAR(at(out[0], {b, p[1], p[2], c}), want, 1e-6);
      }
    });
  }
}

TEST(Quantization, PerAxisAndInBlocks) {
  const Array x = float_array(Shape{2, 4}, {0.5f, 1.5f, -2.5f, 1e30f, 3, 4, -1e30f, 7});
  const Array per_row = float_array(Shape{2}, {1, 2});
  EXPECT_EQ(apply({"QuantizeLinear", 13, {ints("axis", {0})}},
                  {x, per_row, integer_array(Shape{2}, {0, 10}, ElementType::i8)})
                .integers,
            (std::vector<std::int64_t>{0, 2, -2, 127, 12, 12, -128, 14}));
  const Array blocks = float_array(Shape{2, 2}, {1, 2, 4, 8});
  const std::vector<ArrayAttribute> in_blocks = {ints("axis", {1}), ints("block_size", {3})};
  const Array counted = integer_array(Shape{2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}, ElementType::i16);
  EXPECT_EQ(apply({"DequantizeLinear", 21, in_blocks}, {counted, blocks}).floats,
            (std::vector<float>{1, 2, 3, 8, 20, 24, 28, 64}));
  EXPECT_EQ(
      apply({"QuantizeLinear", 21, {ints("axis", {1}), ints("block_size", {3}), ints("output_dtype", {4})}},
            {float_array(Shape{2, 4}, {1, 2, 3, 8, 20, 24, 28, 1e9f}), blocks}),
      integer_array(Shape{2, 4}, {1, 2, 3, 4, 5, 6, 7, 65535}, ElementType::u16));
  EXPECT_THROW(apply({"DequantizeLinear", 21, {ints("block_size", {2})}}, {counted, per_row}), Error);
  Array packed = counted;
  packed.type.element = ElementType::i4;
  EXPECT_EQ(apply({"DequantizeLinear", 21, in_blocks}, {packed, blocks}).floats,
            apply({"DequantizeLinear", 21, in_blocks}, {counted, blocks}).floats);
  for (const ElementType type : {ElementType::f4e2m1, ElementType::f8e4m3fn}) {
    const Array codes(ArrayType{type, counted.type.shape});
    EXPECT_THROW(apply({"DequantizeLinear", 21, in_blocks}, {codes, blocks}), Error);
    Array scales = blocks;
    scales.type.element = type;
    EXPECT_THROW(apply({"DequantizeLinear", 21, in_blocks}, {counted, scales}), Error);
  }
  EXPECT_THROW(apply({"QuantizeLinear", 21, {ints("output_dtype", {17})}}, {x, float_array(Shape{}, {1})}),
               Error);
  const std::vector<Array> dynamic =
      apply_all({"DynamicQuantizeLinear", 11, {}, 3}, {float_array(Shape{3}, {-1, 0, 4.1f})});
  EXPECT_EQ(dynamic[0].integers, (std::vector<std::int64_t>{0, 50, 255}));
  EXPECT_EQ(dynamic[1].floats[0], (4.1f + 1) / 255);
  EXPECT_EQ(dynamic[2].integers, std::vector<std::int64_t>{50});
}

TEST(Loss, OfClasses) {
  const Array logs = float_array(Shape{2, 3}, {-1, -2, -3, -4, -5, -6});
  const Array classes = vector_of({2, 0}), weights = float_array(Shape{3}, {2, 1, 0.5f});
  const auto loss = [&](std::vector<ArrayAttribute> a) {
    return apply({"NegativeLogLikelihoodLoss", 13, std::move(a)}, {logs, classes, weights}).floats;
  };
  EXPECT_EQ(loss({text("reduction", "none")}), (std::vector<float>{1.5f, 8}));
  EXPECT_EQ(loss({text("reduction", "sum")}), std::vector<float>{9.5f});
  EXPECT_EQ(loss({}), std::vector<float>{3.8f});
  EXPECT_EQ(loss({ints("ignore_index", {2})}), std::vector<float>{4});
  // A class that is not there is no place to read from.
  const Array wrong = apply({"NegativeLogLikelihoodLoss", 13, {}}, {logs, vector_of({3, 0})});
  EXPECT_TRUE(std::isnan(wrong.floats[0]));
  const std::vector<Array> both =
      apply_all({"SoftmaxCrossEntropyLoss", 13, {text("reduction", "none")}, 2}, {logs, classes});
  const double sum = std::log(1 + std::exp(-1.0) + std::exp(-2.0));
  EXPECT_NEAR(both[0].floats[0], 2 + sum, 1e-6);
  EXPECT_NEAR(both[1].floats[3], -sum, 1e-6);
}

}  // namespace
}  // namespace lowbit::testing
