// SPDX-License-Identifier: Apache-2.0
// Attention of ONNX as one operator of lowbit; its values are those of the standard's own cases
// (operator_cases_test.cc).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/onnx/open_networks.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/quantize.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

/// Three queries of four heads on five keys of before and three new ones, of two heads; with a mask or
/// causal.
Model attention_file(bool has_mask, float softcap = 0.0f) {
  OpenNetwork n;
  n.file = OnnxBuilder(23);
  n.add_input("q", {"1", "3", "16"});
  for (const char* name : {"k", "v"}) n.add_input(name, {"1", "3", "8"});
  if (has_mask) n.add_input("mask", {"3", "8"});
  for (const char* name : {"past_k", "past_v"}) n.add_input(name, {"1", "2", "5", "4"});
  n.file.node("Attention", {"q", "k", "v", has_mask ? "mask" : "", "past_k", "past_v"}, "y")
      .output("keys")
      .output("values")
      .with("q_num_heads", 4)
      .with("kv_num_heads", 2)
      .with("is_causal", has_mask ? 0 : 1)
      .with("softcap", softcap);
  n.file.output("y").output("keys").output("values");
  const std::string bytes = n.file.bytes();
  return load_onnx(std::as_bytes(std::span(bytes)), "net.onnx");
}

std::int64_t count_of(const Model& model, std::string_view name) {
  return std::ranges::count_if(model.graph().nodes,
                               [&](const Graph::Node& node) { return ops::shown_name(node.op) == name; });
}

std::vector<float> first_output(const Model& model, std::vector<arrays::Array> in) {
  std::vector<arrays::ArrayView> views;
  for (const arrays::Array& a : in) views.push_back(a.view());
  std::vector<arrays::Array> out;
  for (std::size_t i = 0; i < model.output_count(); ++i)
    out.emplace_back(arrays::ArrayType{lowbit::ElementType::f32, model.output_shape(i)});
  std::vector<arrays::MutableArrayView> to;
  for (arrays::Array& a : out) to.push_back(a.mutable_view());
  Workspace workspace(model);
  run(model, views, std::span<const arrays::MutableArrayView>(to), workspace);
  return out[0].floats;
}

std::vector<arrays::Array> random_in(const Model& model) {
  Random random(3);
  std::vector<arrays::Array> in;
  for (std::size_t i = 0; i < model.input_count(); ++i) {
    in.emplace_back(arrays::ArrayType{lowbit::ElementType::f32, model.input_shape(i)});
    for (float& v : in.back().floats) v = random.gaussian();
  }
  return in;
}

double sqnr_db(const std::vector<float>& want, const std::vector<float>& got) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    signal += want[i] * want[i], noise += std::pow(got[i] - want[i], 2);
  return 10 * std::log10(signal / noise);
}

TEST(AttentionOperator, IsOneOperatorWithItsCache) {
  const Model loops = attention_file(false, 1e9f);  // capped far away: the same, in plain loops
  EXPECT_EQ(loops.graph().nodes.size(), 3u);
  const Model model = attention_file(false);
  for (const Graph::Node& node : model.graph().nodes)
    if (const auto* array = std::get_if<ops::ArrayOp>(&node.op)) {
      EXPECT_EQ(array->function, "Identity");  // the causal mask, a constant
    }
  EXPECT_EQ(count_of(model, "Attention"), 1);
  const std::vector<arrays::Array> in = random_in(model);
  const std::vector<float> want = first_output(loops, in);
  EXPECT_GT(sqnr_db(want, first_output(model, in)), 100);
  const Model coded = quantize(model, {.scheme = "fp32", .kv_cache_bits = 8});
  EXPECT_GT(sqnr_db(want, first_output(coded, in)), 35);
  EXPECT_LT(sqnr_db(want, first_output(coded, in)), 60);
}

TEST(AttentionOperator, GivesZerosToQueriesThatMaySeeNothing) {
  const Model loops = attention_file(true, 1e9f), model = attention_file(true);
  std::vector<arrays::Array> in = random_in(model);
  std::fill_n(in[3].floats.begin() + 8, 8, -INFINITY);
  const std::vector<float> want = first_output(loops, in), got = first_output(model, in);
  EXPECT_GT(sqnr_db(want, got), 100);
  for (std::size_t i = 16; i < 32; ++i) EXPECT_EQ(got[i], 0.0f);
  const std::vector<float> coded = first_output(quantize(model, {.scheme = "fp32", .kv_cache_bits = 8}), in);
  for (std::size_t i = 16; i < 32; ++i) EXPECT_EQ(coded[i], 0.0f);
}

}  // namespace
}  // namespace lowbit::testing
