// SPDX-License-Identifier: Apache-2.0
// Sensitivity: every figure against models made and measured one by one, and the choice of overrides against
// brute force.
#include "lowbit/model/sensitivity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;

/// x 3x6x6 -> conv1 -> conv2 -> global average -> fc
Graph network() {
  Random random(3);
  const auto conv = [&](std::int64_t in, std::int64_t out) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    for (float& w : op.weight.data) w = random.gaussian();
    op.window.kernel = {3, 3};
    op.activation.lo = 0.0f;
    return op;
  };
  Graph g;
  const ValueId x = g.add_value("image", {3, 6, 6});
  g.inputs = {x};
  const ValueId a = g.add_node("conv1", conv(3, 6), {x});
  const ValueId b = g.add_node("conv2", conv(6, 8), {a});
  const ValueId c = g.add_node("average", ops::GlobalAveragePoolOp{}, {b});
  const ValueId d = g.add_node("flatten", ops::FlattenOp{}, {c});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{5, 8});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {d})};
  return g;
}

Tensor random_batch(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor t(Shape{count, 3, 6, 6});
  for (float& v : t.data) v = random.uniform();
  return t;
}

std::int64_t count_correct(const Model& model, const std::vector<Tensor>& batches,
                           const std::vector<std::int64_t>& labels) {
  std::int64_t correct = 0;
  std::size_t i = 0;
  for (const Tensor& batch : batches) {
    Workspace workspace(model, {.batch = batch.shape[0]});
    Tensor out(Shape{batch.shape[0], 5});
    run(model, batch, out, workspace);
    for (std::int64_t b = 0; b < batch.shape[0]; ++b, ++i) {
      const auto first = out.data.begin() + b * 5;
      correct += std::max_element(first, first + 5) - first == labels[i];
    }
  }
  return correct;
}

class SensitivityOf : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  const Model fp32_{network()};
  const std::vector<Tensor> batches_{random_batch(20, 1), random_batch(1, 2), random_batch(9, 3)};
  const CalibrationTable table_ = calibrate(fp32_, batches_);

  void expect_score(const ModelScore& score, const Model& model, const std::vector<std::int64_t>& labels) {
    const ModelComparison expected = compare(fp32_, model, batches_);
    // An fp32 product may round differently in a batch of another size.
    EXPECT_NEAR(score.sqnr_db, expected.outputs[0].error.sqnr_db, 0.01);
    EXPECT_EQ(score.agree, expected.agree);
    EXPECT_EQ(score.correct, count_correct(model, batches_, labels));
  }
};

TEST_P(SensitivityOf, EqualsModelsMeasuredOneByOne) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 30; ++i) labels.push_back(i % 5);
  std::vector<std::pair<int, int>> steps;
  const auto report = [&](int done, int total) { steps.emplace_back(done, total); };
  const std::vector<Scheme> schemes(GetParam().begin(), GetParam().end());
  const Sensitivity s = measure_sensitivity(
      fp32_, batches_, {.schemes = schemes, .table = &table_, .labels = labels, .progress = report});
  EXPECT_EQ(s.samples, 30);
  EXPECT_EQ(steps, (std::vector<std::pair<int, int>>{{1, 4}, {2, 4}, {3, 4}, {4, 4}}));
  EXPECT_EQ(s.fp32.bytes, fp32_.stored_bytes());
  EXPECT_EQ(s.fp32.score.agree, 30);
  EXPECT_TRUE(std::isinf(s.fp32.score.sqnr_db));
  ASSERT_EQ(s.schemes.size(), GetParam().size());
  ASSERT_EQ(s.rows.size(), 3 * GetParam().size());
  for (std::size_t i = 0; i < s.schemes.size(); ++i) {
    SCOPED_TRACE(GetParam()[i]);
    EXPECT_EQ(format_scheme(s.schemes[i].scheme), GetParam()[i]);
    const Model whole = quantize(fp32_, table_, {.scheme = GetParam()[i]});
    EXPECT_EQ(s.schemes[i].bytes, whole.stored_bytes());
    expect_score(s.schemes[i].score, whole, labels);
  }
  for (std::size_t i = 0; i < s.rows.size(); ++i) {
    const LayerSensitivity& row = s.rows[i];
    SCOPED_TRACE(row.layer + " " + format_scheme(row.scheme));
    EXPECT_EQ(format_scheme(row.scheme), GetParam()[i / 3]);
    if (i % 3 > 0) {
      EXPECT_LE(s.rows[i - 1].only.sqnr_db, row.only.sqnr_db) << "not sorted";
    }
    EXPECT_EQ(fp32_.graph().nodes[static_cast<std::size_t>(row.node)].name, row.layer);
    const Model only = quantize(fp32_, table_, {.scheme = "fp32", .overrides = {{row.layer, row.scheme}}});
    expect_score(row.only, only, labels);
    const Model all_but = quantize(fp32_, table_, {.scheme = row.scheme, .overrides = {{row.layer, "fp32"}}});
    expect_score(row.all_but, all_but, labels);
    EXPECT_EQ(fp32_.stored_bytes() - only.stored_bytes(),
              static_cast<std::size_t>(row.weights) * 4 - row.bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, SensitivityOf,
                         ::testing::Values(std::vector<std::string>{"int8-wo", "int4-wo", "int2-wo"},
                                           std::vector<std::string>{"int4", "int8-a4"},
                                           std::vector<std::string>{"nf4-g32-wo"}));

TEST(Sensitivity, DoesNotDependOnThreadsAndNeedsNoLabelsOrTable) {
  const Model fp32(network());
  const std::vector<Tensor> batches{random_batch(18, 4)};
  const Sensitivity one = measure_sensitivity(fp32, batches, {.schemes = {"int4-wo", "int3-wo"}});
  const Sensitivity three =
      measure_sensitivity(fp32, batches, {.schemes = {"int4-wo", "int3-wo"}, .threads = 3});
  ASSERT_EQ(one.rows.size(), three.rows.size());
  for (std::size_t i = 0; i < one.rows.size(); ++i) {
    EXPECT_EQ(one.rows[i].layer, three.rows[i].layer);
    EXPECT_EQ(one.rows[i].only.sqnr_db, three.rows[i].only.sqnr_db);
    EXPECT_EQ(one.rows[i].all_but.sqnr_db, three.rows[i].all_but.sqnr_db);
    EXPECT_FALSE(one.rows[i].only.correct.has_value());
  }
}

// A recovery that can be told from none: it takes biases and ranges away, and says so.
RecoveredModel shifted(const Model& fp32, const CalibrationTable* table, const QuantizeOptions& asked) {
  QuantizeOptions options{.scheme = asked.scheme, .overrides = asked.overrides};
  options.weights = [](const LayerContext& layer) -> LayerWeights {
    return {.bias = std::vector<float>(static_cast<std::size_t>(layer.weights.rows), 0.25f)};
  };
  options.ranges = [](const std::string& value, int) -> std::optional<Range> {
    return value == "conv1" ? std::optional(Range{0.0f, 2.0f}) : std::nullopt;
  };
  options.wide_sums = true;
  RecoveredModel result = quantize(fp32, *table, options);
  result.ranges = options.ranges;
  result.wide_sums = options.wide_sums;
  return result;
}

TEST(Sensitivity, MeasuresRecoveredLayers) {
  const Model fp32(network());
  const std::vector<Tensor> batches{random_batch(30, 4)};
  const CalibrationTable table = calibrate(fp32, batches);
  const Sensitivity s =
      measure_sensitivity(fp32, batches, {.schemes = {"int4-a4"}, .table = &table, .recover = shifted});
  const auto sqnr = [&](const QuantizeOptions& options) {
    return compare(fp32, shifted(fp32, &table, options).model, batches).outputs[0].error.sqnr_db;
  };
  EXPECT_NEAR(s.schemes[0].score.sqnr_db, sqnr({.scheme = "int4-a4"}), 0.01);
  ASSERT_EQ(s.rows.size(), 3u);
  for (const LayerSensitivity& row : s.rows) {
    SCOPED_TRACE(row.layer);
    EXPECT_NEAR(row.only.sqnr_db, sqnr({.scheme = "fp32", .overrides = {{row.layer, "int4-a4"}}}), 0.01);
    EXPECT_NEAR(row.all_but.sqnr_db, sqnr({.scheme = "int4-a4", .overrides = {{row.layer, "fp32"}}}), 0.01);
    const Model plain = quantize(fp32, table, {.scheme = "fp32", .overrides = {{row.layer, "int4-a4"}}});
    EXPECT_GT(std::fabs(row.only.sqnr_db - compare(fp32, plain, batches).outputs[0].error.sqnr_db), 0.1);
  }
}

// The layer that is fp32 again has the weights of the network that the others were quantized from, not those
// that were given: by themselves they differ by a factor.
TEST(Sensitivity, GoesOnFromTheNetworkThatARecoveryMade) {
  const Model fp32(network());
  const std::vector<Tensor> batches{random_batch(30, 4)};
  const CalibrationTable table = calibrate(fp32, batches);
  const auto rescale = [](const Model& model, const CalibrationTable*, const QuantizeOptions& options) {
    Graph graph = model.graph();
    const auto layer = [&](const char* name) -> ops::Conv2dOp& {
      for (Graph::Node& node : graph.nodes)
        if (node.name == name) return std::get<ops::Conv2dOp>(node.op);
      throw std::logic_error(name);
    };
    for (float& w : layer("conv1").weight.data) w *= 16.0f;
    for (float& b : layer("conv1").bias) b *= 16.0f;
    for (float& w : layer("conv2").weight.data) w /= 16.0f;
    const Model scaled(graph);
    RecoveredModel result = quantize(scaled, {.scheme = options.scheme, .overrides = options.overrides});
    result.network.emplace(RecoveredModel::Network{scaled});
    return result;
  };
  const Sensitivity plain = measure_sensitivity(fp32, batches, {.schemes = {"int8-wo"}, .table = &table}),
                    scaled = measure_sensitivity(
                        fp32, batches, {.schemes = {"int8-wo"}, .table = &table, .recover = rescale});
  EXPECT_NEAR(scaled.schemes[0].score.sqnr_db, plain.schemes[0].score.sqnr_db, 0.5);
  for (std::size_t i = 0; i < plain.rows.size(); ++i) {
    EXPECT_EQ(scaled.rows[i].layer, plain.rows[i].layer);
    EXPECT_NEAR(scaled.rows[i].all_but.sqnr_db, plain.rows[i].all_but.sqnr_db, 0.5);
  }
}

TEST(Sensitivity, SchemesAreKnownByAnyOfTheirNames) {
  const Model fp32(network());
  const auto s = measure_sensitivity(fp32, std::vector<Tensor>{random_batch(3, 4)},
                                     {.schemes = {"int4-sym-wo", "int4-wo", "int4-wo-sym"}});
  ASSERT_EQ(s.schemes.size(), 1u) << "measured once";
  EXPECT_EQ(s.rows.size(), 3u);
  EXPECT_EQ(&s.whole("int4-sym-wo"), &s.schemes[0]);
}

TEST(Sensitivity, RefusesWhatDoesNotFit) {
  const Model fp32(network());
  const std::vector<Tensor> batches{random_batch(4, 4)};
  const auto expect_code = [&](ErrorCode code, const Model& model, const std::vector<Tensor>& data,
                               const SensitivityOptions& options) {
    try {
      measure_sensitivity(model, data, options);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& e) {
      EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
    }
  };
  const std::vector<std::int64_t> few{1, 2, 3}, large{0, 1, 2, 5};
  expect_code(ErrorCode::invalid_argument, fp32, {}, {});
  expect_code(ErrorCode::invalid_argument, fp32, batches, {.schemes = {}});
  EXPECT_THROW(static_cast<void>(SensitivityOptions{.schemes = {"int9-wo"}}), Error);
  expect_code(ErrorCode::invalid_argument, fp32, batches, {.schemes = {"int8"}});  // needs a table
  expect_code(ErrorCode::invalid_argument, fp32, batches, {.labels = few});
  expect_code(ErrorCode::invalid_argument, fp32, batches, {.labels = large});
  expect_code(ErrorCode::invalid_argument, quantize(fp32, {.scheme = "int8-wo"}), batches, {});
  expect_code(ErrorCode::shape_mismatch, fp32, {Tensor(Shape{2, 3, 6, 7})}, {});
  Graph bare;
  bare.inputs = {bare.add_value("x", {3, 6, 6})};
  bare.outputs = {bare.add_node("clamp", ops::ClampOp{}, bare.inputs)};
  expect_code(ErrorCode::invalid_argument, Model(bare), batches, {});
}

/// Three layers whose noise and bytes are given.
Sensitivity made_up() {
  Sensitivity s;
  s.schemes = {{"int8-wo", 2000, {}}, {"int4-wo", 1000, {}}};
  const auto add = [&](int node, const char* scheme, std::size_t bytes, double sqnr_db) {
    LayerSensitivity row;
    row.node = node;
    row.layer = "layer" + std::to_string(node);
    row.scheme = scheme;
    row.weights = static_cast<std::int64_t>(bytes) * (row.scheme == "int4-wo" ? 2 : 1);
    row.bytes = bytes;
    row.only.sqnr_db = sqnr_db;
    s.rows.push_back(row);
  };
  add(0, "int8-wo", 200, 40), add(1, "int8-wo", 1600, 40), add(2, "int8-wo", 100, 40);
  add(0, "int4-wo", 100, 20), add(1, "int4-wo", 800, 10), add(2, "int4-wo", 50, 25);
  return s;
}

using Overrides = std::vector<std::pair<std::string, Scheme>>;

TEST(ChooseOverrides, TakesTheMostNoiseAByteThatFits) {
  // Noise removed by 8 bits: 0.0099, 0.0999, 0.0031 for 100, 800, 50 bytes: a byte of layer 1 removes most.
  const Sensitivity s = made_up();
  const auto choose = [&](double budget) {
    return choose_overrides(s, {.scheme = "int4-wo", .lifts = {"int8-wo"}, .budget = budget});
  };
  EXPECT_EQ(choose(1.0).overrides,
            (Overrides{{"layer1", "int8-wo"}, {"layer0", "int8-wo"}, {"layer2", "int8-wo"}}));
  EXPECT_EQ(choose(1.0).new_bytes, 1950u);
  EXPECT_EQ(choose(0.8).overrides, (Overrides{{"layer1", "int8-wo"}}));
  EXPECT_EQ(choose(0.2).overrides, (Overrides{{"layer0", "int8-wo"}, {"layer2", "int8-wo"}}));
  EXPECT_EQ(choose(0.1).overrides, (Overrides{{"layer0", "int8-wo"}}));
  EXPECT_EQ(choose(0.1).bytes, 1000u);
  EXPECT_EQ(choose(0.1).new_bytes, 1100u);
  EXPECT_EQ(choose(0.0999).overrides, (Overrides{{"layer2", "int8-wo"}}));
  EXPECT_TRUE(choose(0.04).overrides.empty());
  EXPECT_TRUE(choose(0).overrides.empty());
}

TEST(ChooseOverrides, ALiftedLayerMayRiseFurther) {
  const Sensitivity s = made_up();
  const OverrideChoice choice =
      choose_overrides(s, {.scheme = "int4-wo", .lifts = {"int8-wo", "fp32"}, .budget = 0.75});
  // Both small layers at 8 bits are 150 bytes; the same noise is left in both. fp32 takes it from layer 2 for
  // 300 bytes more; from layer 0 for 600 more, which no longer fit.
  EXPECT_EQ(choice.overrides, (Overrides{{"layer0", "int8-wo"}, {"layer2", "fp32"}}));
  EXPECT_EQ(choice.new_bytes, 1450u);
}

TEST(ChooseOverrides, LiftsThatDoNotHelpAreLeftOut) {
  Sensitivity s = made_up();
  for (LayerSensitivity& row : s.rows)
    if (row.scheme == "int8-wo") row.only.sqnr_db = 5;
  EXPECT_TRUE(choose_overrides(s, {.budget = 5}).overrides.empty());
}

TEST(ChooseOverrides, RefusesWhatWasNotMeasured) {
  const Sensitivity s = made_up();
  EXPECT_THROW(choose_overrides(s, {.scheme = "int3-wo"}), Error);
  EXPECT_THROW(choose_overrides(s, {.scheme = "int4-wo", .lifts = {"int6-wo"}}), Error);
  EXPECT_THROW(choose_overrides(s, {.budget = -0.1}), Error);
}

/// The overrides of a real model: their bytes are those that quantize makes.
TEST(ChooseOverrides, BytesAreThoseOfTheModel) {
  const Model fp32(network());
  const std::vector<Tensor> batches{random_batch(16, 9)};
  const Sensitivity s = measure_sensitivity(fp32, batches);
  const OverrideChoice choice = choose_overrides(s, {.lifts = {"int8-wo", "fp32"}, .budget = 0.5});
  ASSERT_FALSE(choice.overrides.empty());
  const Model plain = quantize(fp32, {.scheme = "int4-wo"});
  const Model mixed = quantize(fp32, {.scheme = "int4-wo", .overrides = choice.overrides});
  EXPECT_EQ(choice.bytes, plain.stored_bytes());
  EXPECT_EQ(choice.new_bytes, mixed.stored_bytes());
  EXPECT_LE(mixed.stored_bytes(), plain.stored_bytes() * 3 / 2);
  EXPECT_GT(compare(fp32, mixed, batches).outputs[0].error.sqnr_db,
            compare(fp32, plain, batches).outputs[0].error.sqnr_db);
}

}  // namespace
}  // namespace lowbit
