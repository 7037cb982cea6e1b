// SPDX-License-Identifier: Apache-2.0
// Models that keep keys and values in codes of 8 and 4 bits: what comes in and goes out, what is found,
// files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lowbit/core/error.h"
#include "lowbit/layers/row_codes.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::fnv1a;
using testing::Random;
using testing::says;

/// Attention of a decoder over kNew tokens after kPast others.
class DecoderAttention : public ::testing::Test {
 protected:
  static constexpr std::int64_t kPast = 9, kNew = 2, kWidth = 64, kHeads = 4, kGroups = 2, kSize = 16;

  DecoderAttention() {
    graph_.has_batch = false;
    graph_.inputs = {graph_.add_value("x", {kNew, kWidth}),
                     graph_.add_value("past keys", {1, kGroups, kPast, kSize}),
                     graph_.add_value("past values", {1, kGroups, kPast, kSize})};
    const ValueId q = heads("queries", kHeads);
    keys_ = graph_.add_node("keys", ops::ConcatOp{2}, {graph_.inputs[1], heads("new keys", kGroups)});
    values_ = graph_.add_node("values", ops::ConcatOp{2}, {graph_.inputs[2], heads("new values", kGroups)});
    ValueId y =
        graph_.add_node("attention", ops::AttentionOp{0.25f, true, true, true, false}, {q, keys_, values_});
    y = graph_.add_node("joined", ops::ReshapeOp{{kNew, kWidth}}, {y});
    graph_.outputs = {linear("out", y, kWidth), keys_, values_};
    for (const ValueId id : graph_.inputs) {
      arrays::Array& in = in_.emplace_back(
          arrays::ArrayType{ElementType::f32, graph_.values[static_cast<std::size_t>(id)].shape});
      for (float& e : in.floats) e = random_.gaussian();
    }
  }

  ValueId linear(const std::string& name, ValueId in, std::int64_t out) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{out, kWidth});
    for (float& w : op.weight.data) w = random_.gaussian() / 8;
    return graph_.add_node(name, std::move(op), {in});
  }
  ValueId heads(const std::string& name, std::int64_t count) {
    const ValueId rows = graph_.add_node(name + " heads", ops::ReshapeOp{{1, kNew, count, kSize}},
                                         {linear(name, graph_.inputs[0], count * kSize)});
    return graph_.add_node(name + " by head", ops::TransposeOp{{0, 2, 1, 3}}, {rows});
  }

  using Arrays = std::vector<arrays::Array>;
  static Arrays room(const Model& model) {
    Arrays out;
    for (std::size_t i = 0; i < model.output_count(); ++i)
      out.emplace_back(arrays::ArrayType{ElementType::f32, model.output_shape(i)});
    return out;
  }
  /// Floats in and out, whatever the model keeps.
  Arrays floats_of(const Model& model) const {
    Arrays out = room(model);
    std::vector<arrays::ArrayView> in;
    std::vector<arrays::MutableArrayView> to;
    for (const arrays::Array& a : in_) in.push_back(a.view());
    for (arrays::Array& a : out) to.push_back(a.mutable_view());
    Workspace workspace(model);
    run(model, in, std::span<const arrays::MutableArrayView>(to), workspace);
    return out;
  }

  struct State {
    std::vector<std::byte> keys, values;
  };
  State past(int bits) const {
    State state;
    for (std::vector<std::byte>* rows : {&state.keys, &state.values}) {
      const arrays::Array& in = in_[rows == &state.keys ? 1 : 2];
      rows->resize(coded_rows_bytes(in.type.shape, bits));
      encode_rows(in.floats.data(), kGroups * kPast, kSize, bits, rows->data());
    }
    return state;
  }
  /// The cache as rows in codes, in and out.
  std::vector<float> rows_of(const Model& model, const State& state, State& present) const {
    std::vector<arrays::ArrayView> in;
    for (const arrays::Array& a : in_) in.push_back(a.view());
    in[1].floats = in[2].floats = nullptr;
    in[1].rows = state.keys.data(), in[2].rows = state.values.data();
    Arrays out = room(model);
    std::vector<arrays::MutableArrayView> to;
    for (arrays::Array& a : out) to.push_back(a.mutable_view());
    const int bits = model.type(model.graph().outputs[1]).bits;
    for (std::size_t i = 1; i < 3; ++i) {
      std::vector<std::byte>& rows = i == 1 ? present.keys : present.values;
      rows.assign(coded_rows_bytes(model.output_shape(i), bits), std::byte{0});
      to[i].floats = nullptr, to[i].rows = rows.data();
    }
    Workspace workspace(model);
    run(model, in, std::span<const arrays::MutableArrayView>(to), workspace);
    return out[0].floats;
  }

  Random random_{4};
  Graph graph_;
  ValueId keys_ = -1, values_ = -1;
  Arrays in_;
};

TEST_F(DecoderAttention, KeepsRowsThatItIsGivenAndAddsOthers) {
  const Model fp32(graph_);
  for (const int bits : {8, 4}) {
    const Model model = quantize(fp32, {.scheme = "fp32", .kv_cache_bits = bits});
    EXPECT_EQ(
        describe_coverage(model),
        "3 of 14 layers with a cache of " + std::to_string(bits) +
            " bits, fp32: queries, queries heads, queries by head, new keys, new keys heads, new keys by "
            "head, new values, new values heads, new values by head, joined, out (as asked)");
    const State state = past(bits);
    State present;
    const std::vector<float> y = rows_of(model, state, present);
    // Rows of each head: those of before, then the new ones, encoded.
    const Arrays exact = floats_of(fp32);
    const std::size_t row = coded_row_bytes(kSize, bits);
    for (const bool is_key : {true, false}) {
      const std::vector<std::byte>&from = is_key ? state.keys : state.values,
            &to = is_key ? present.keys : present.values;
      const std::vector<float>& floats = exact[is_key ? 1 : 2].floats;
      ASSERT_EQ(to.size(), kGroups * (kPast + kNew) * row);
      for (std::size_t g = 0; g < kGroups; ++g) {
        EXPECT_EQ(std::memcmp(&to[g * (kPast + kNew) * row], &from[g * kPast * row], kPast * row), 0);
        std::vector<std::byte> added(kNew * row);
        encode_rows(floats.data() + ((g + 1) * (kPast + kNew) - kNew) * kSize, kNew, kSize, bits,
                    added.data());
        EXPECT_EQ(std::memcmp(&to[(g * (kPast + kNew) + kPast) * row], added.data(), kNew * row), 0);
      }
    }
    // Floats in their place: encoded on the way in, decoded on the way out.
    const Arrays same = floats_of(model);
    EXPECT_EQ(same[0].floats, y);
    std::vector<float> keys(same[1].floats.size());
    decode_rows(present.keys.data(), kGroups * (kPast + kNew), kSize, bits, keys.data());
    EXPECT_EQ(same[1].floats, keys);
  }
}

TEST_F(DecoderAttention, AfterEveryScheme) {
  const Model fp32(graph_);
  const Arrays exact = floats_of(fp32);
  std::vector<arrays::ArrayView> batch;
  for (const arrays::Array& a : in_) batch.push_back(a.view());
  Calibrator calibration(fp32);
  calibration.add(batch);
  const CalibrationTable table = calibration.finish();
  for (const char* scheme : {"fp32", "int8-wo", "int8-dynamic", "int8"})
    for (const int bits : {8, 4}) {
      const Model model = quantize(fp32, table, {.scheme = scheme, .kv_cache_bits = bits});
      const Arrays got = floats_of(model);
      for (std::size_t i = 0; i < got.size(); ++i) {
        double signal = 0, noise = 0;
        for (std::size_t e = 0; e < got[i].floats.size(); ++e) {
          signal += exact[i].floats[e] * exact[i].floats[e];
          noise += std::pow(got[i].floats[e] - exact[i].floats[e], 2);
        }
        EXPECT_GT(10 * std::log10(signal / noise), bits == 8 ? 30 : 18) << scheme << " " << i;
      }
      const Model again = load(save_to_bytes(model));
      EXPECT_EQ(save_to_bytes(again), save_to_bytes(model)) << scheme;
      EXPECT_EQ(describe_coverage(again), describe_coverage(model));
      const Arrays same = floats_of(again);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(same[i].floats, got[i].floats) << scheme;
      EXPECT_EQ(again.type(again.graph().inputs[1]).dtype, DType::rows);
      EXPECT_EQ(again.type(again.graph().outputs[2]).bits, bits);
    }
}

TEST_F(DecoderAttention, WhatHasNoCacheIsRefused) {
  const auto refuse = [](const Graph& graph, ErrorCode code, int bits, const char* part) {
    const std::string sentence =
        error_of([&] { quantize(Model(graph), {.scheme = "fp32", .kv_cache_bits = bits}); }, code);
    EXPECT_TRUE(says(sentence, {part})) << sentence;
  };
  refuse(graph_, ErrorCode::invalid_argument, 5, "8 or 4 bits, or 0 for floats, not 5");
  Graph shown = graph_;  // something else reads the keys
  shown.outputs.push_back(shown.add_node("doubled", ops::AddOp{}, {keys_, keys_}));
  refuse(shown, ErrorCode::unsupported, 8, "has a cache");
  Graph given = graph_;  // the past goes out as it came in
  given.outputs.push_back(given.inputs[1]);
  refuse(given, ErrorCode::unsupported, 8, "has a cache");
  Graph none = graph_;  // keys are not joined with anything
  for (Graph::Node& node : none.nodes)
    if (node.name == "attention") node.inputs[1] = node.inputs[2] = none.inputs[1];
  none.outputs.resize(1);
  none.inputs.pop_back();
  remove_dead_nodes(none);
  refuse(none, ErrorCode::unsupported, 8, "has a cache");
  QuantizeOptions recovering{.scheme = "fp32", .kv_cache_bits = 8};
  recovering.recover = [](const Model& model, const CalibrationTable*, const QuantizeOptions&) {
    return RecoveredModel(model);
  };
  const Model fp32(graph_);
  EXPECT_TRUE(says(error_of([&] { quantize(fp32, recovering); }, ErrorCode::unsupported), {"recovery"}));
}

TEST_F(DecoderAttention, ViewsThatDoNotFitAreRefused) {
  const Model fp32(graph_);
  const Model model = quantize(fp32, {.scheme = "fp32", .kv_cache_bits = 8});
  const State state = past(8);
  State present;
  EXPECT_TRUE(says(error_of([&] { rows_of(fp32, state, present); }, ErrorCode::unsupported),
                   {"'past keys' takes floats"}));
  std::vector<arrays::ArrayView> in;
  for (const arrays::Array& a : in_) in.push_back(a.view());
  in[1].rows = state.keys.data();  // beside the floats
  Arrays out = room(model);
  std::vector<arrays::MutableArrayView> to;
  for (arrays::Array& a : out) to.push_back(a.mutable_view());
  Workspace workspace(model);
  EXPECT_TRUE(says(error_of([&] { run(model, in, std::span<const arrays::MutableArrayView>(to), workspace); },
                            ErrorCode::unsupported),
                   {"'past keys' takes rows in codes, or floats"}));
}

TEST_F(DecoderAttention, HasTheSameBitsEverywhere) {
  const std::uint64_t golden[] = {0x1643bc07066dbe16u, 0xccd196c95c17820au};
  for (const int bits : {8, 4}) {
    const Model model = quantize(Model(graph_), {.scheme = "int8-dynamic", .kv_cache_bits = bits});
    State present;
    const std::vector<float> y = rows_of(model, past(bits), present);
    const std::uint64_t hash = fnv1a(y.data(), y.size() * sizeof(float)) ^
                               fnv1a(present.keys.data(), present.keys.size()) ^
                               fnv1a(present.values.data(), present.values.size());
    EXPECT_EQ(hash, golden[bits == 4]) << bits;
  }
}

}  // namespace
}  // namespace lowbit
