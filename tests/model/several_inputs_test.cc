// SPDX-License-Identifier: Apache-2.0
// Networks of several inputs, integers among them: calibration, comparison, sensitivity.
#include <gtest/gtest.h>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sensitivity.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

using arrays::Array;
using arrays::ArrayView;

ops::LinearOp linear(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Random random(seed);
  ops::LinearOp op;
  op.weight = Tensor(Shape{rows, cols});
  for (float& w : op.weight.data) w = random.uniform();
  return op;
}

/// y = second (relu (first x) + float (tokens)): x of 6 floats, tokens of 4 integers.
Model two_inputs() {
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{6}), graph.add_value("tokens", Shape{4})};
  graph.values[1].element = ElementType::i64;
  ops::LinearOp first = linear(4, 6, 1);
  first.activation.lo = 0.0f;
  const ValueId hidden = graph.add_node("first", first, {graph.inputs[0]});
  ops::ArrayOp cast;
  cast.function = "Cast";
  cast.opset = 18;
  cast.attributes.push_back({.name = "to", .integers = {1}});  // FLOAT
  cast.sources = {ops::ArrayOp::kValue};
  cast.elements = {ElementType::i64};
  cast.result = ElementType::f32;
  const ValueId floats = graph.add_node("floats", std::move(cast), {graph.inputs[1]});
  const ValueId sum = graph.add_node("sum", ops::AddOp{}, {hidden, floats});
  graph.outputs = {graph.add_node("second", linear(3, 4, 2), {sum})};
  return Model(std::move(graph));
}

struct Batch {
  Array x, tokens;

  Batch(std::int64_t count, std::uint64_t seed)
      : x({ElementType::f32, Shape{count, 6}}), tokens({ElementType::i64, Shape{count, 4}}) {
    Random random(seed);
    for (float& v : x.floats) v = random.uniform();
    for (std::int64_t& v : tokens.integers) v = static_cast<std::int64_t>(10 * random.uniform());
  }
  std::vector<ArrayView> views() const { return {x.view(), tokens.view()}; }
};

std::vector<std::vector<ArrayView>> views(const std::vector<Batch>& batches) {
  std::vector<std::vector<ArrayView>> all;
  for (const Batch& batch : batches) all.push_back(batch.views());
  return all;
}

TEST(SeveralInputs, CalibrationSeesEveryValue) {
  const Model model = two_inputs();
  const std::vector<Batch> batches{Batch(5, 1), Batch(1, 2)};
  const CalibrationTable table = calibrate(model, views(batches));
  EXPECT_EQ(table.samples, 6);
  EXPECT_EQ(table.kept.samples.count, 6);
  std::int64_t least = 0, most = 0;
  for (const Batch& batch : batches)
    for (const std::int64_t v : batch.tokens.integers) least = std::min(least, v), most = std::max(most, v);
  const Range range = table.entries[1].observer.range({});
  EXPECT_EQ(range.min, static_cast<float>(least));
  EXPECT_EQ(range.max, static_cast<float>(most));
  // The same in one batch, and on two threads.
  Batch joined(0, 1);
  for (const Batch& batch : batches) {
    joined.x.floats.insert(joined.x.floats.end(), batch.x.floats.begin(), batch.x.floats.end());
    joined.tokens.integers.insert(joined.tokens.integers.end(), batch.tokens.integers.begin(),
                                  batch.tokens.integers.end());
  }
  joined.x.type.shape = {6, 6};
  joined.tokens.type.shape = {6, 4};
  const CalibrationTable same = calibrate(model, views({joined}), {.threads = 2});
  for (std::size_t v = 0; v < table.entries.size(); ++v) {
    const Range a = table.entries[v].observer.range({}), b = same.entries[v].observer.range({});
    EXPECT_EQ(a.min, b.min) << table.entries[v].value;
    EXPECT_EQ(a.max, b.max) << table.entries[v].value;
  }
}

TEST(SeveralInputs, QuantizedModelsAreCompared) {
  const Model fp32 = two_inputs();
  const std::vector<Batch> batches{Batch(40, 1)};
  const Model int8 = quantize(fp32, calibrate(fp32, views(batches)), {.scheme = "int8"});
  const ModelComparison comparison = compare(fp32, int8, views(batches));
  EXPECT_EQ(comparison.samples, 40);
  EXPECT_GT(comparison.outputs[0].error.sqnr_db, 25);
  EXPECT_LT(comparison.outputs[0].error.sqnr_db, 70);
  EXPECT_GT(comparison.outputs[0].mean_cosine, 0.99);
  EXPECT_LT(comparison.outputs[0].mean_cosine, 1);
}

TEST(SeveralInputs, SensitivityOfEachLayer) {
  const Model fp32 = two_inputs();
  const std::vector<Batch> batches{Batch(30, 1), Batch(3, 2)};
  const std::vector<std::vector<ArrayView>> all = views(batches);
  const Sensitivity sensitivity = measure_sensitivity(fp32, all, {.schemes = {"int8-wo", "int2-wo"}});
  EXPECT_EQ(sensitivity.samples, 33);
  ASSERT_EQ(sensitivity.rows.size(), 4u);
  for (const auto& row : sensitivity.rows) {
    const Model model = quantize(fp32, {.scheme = "fp32", .overrides = {{row.layer, row.scheme}}});
    EXPECT_NEAR(row.only.sqnr_db, compare(fp32, model, all).outputs[0].error.sqnr_db, 0.01) << row.layer;
  }
}

TEST(SeveralInputs, ArraysInFloatsOut) {
  const Model model = two_inputs();
  const Batch batch(3, 1);
  Workspace workspace(model, {.batch = 3});
  Tensor floats(Shape{3, 3});
  Array array({ElementType::f32, Shape{3, 3}});
  const std::vector<ArrayView> in = batch.views();
  run(model, in, std::vector<MutableTensorView>{floats}, workspace);
  run(model, in, std::vector<arrays::MutableArrayView>{array.mutable_view()}, workspace);
  EXPECT_EQ(floats.data, array.floats);
}

TEST(SeveralInputs, RefusesWhatDoesNotFit) {
  const Model model = two_inputs();
  const Batch batch(2, 1);
  Calibrator calibrator(model);
  const Tensor one(Shape{2, 6});
  const auto said = [&](ErrorCode code, const char* part, const std::vector<ArrayView>& views) {
    EXPECT_TRUE(says(error_of([&] { calibrator.add(views); }, code), {part}));
  };
  EXPECT_TRUE(says(error_of([&] { calibrator.add(one); }, ErrorCode::shape_mismatch), {"has 2 inputs"}));
  said(ErrorCode::shape_mismatch, "2 inputs, not 1", {batch.x.view()});
  said(ErrorCode::unsupported, "'x' takes floats", {batch.tokens.view(), batch.x.view()});
  const Batch three(3, 1);
  said(ErrorCode::shape_mismatch, "a batch of 3, others 2", {batch.x.view(), three.tokens.view()});
  Array odd({ElementType::i64, Shape{2, 5}});
  said(ErrorCode::shape_mismatch, "'tokens' has samples of shape 4", {batch.x.view(), odd.view()});
  EXPECT_EQ(calibrator.shard().table.samples, 0);
}

// One input of integers: samples are kept for what works on them later.
TEST(SeveralInputs, OneOfIntegersIsKept) {
  Graph graph;
  graph.inputs = {graph.add_value("tokens", Shape{2})};
  graph.values[0].element = ElementType::i64;
  ops::ArrayOp cast;
  cast.function = "Cast";
  cast.opset = 18;
  cast.attributes.push_back({.name = "to", .integers = {1}});  // FLOAT
  cast.sources = {ops::ArrayOp::kValue};
  cast.elements = {ElementType::i64};
  cast.result = ElementType::f32;
  graph.outputs = {graph.add_node("floats", std::move(cast), graph.inputs)};
  Calibrator calibrator(Model(std::move(graph)));
  Array tokens({ElementType::i64, Shape{2, 2}});
  tokens.integers = {1, 2, 3, 4};
  calibrator.add(std::vector<ArrayView>{tokens.view()});
  const arrays::Array kept = calibrator.finish().kept.samples.inputs[0];
  EXPECT_EQ(kept.integers, tokens.integers);
  EXPECT_EQ(kept.type, tokens.type);
}

}  // namespace
}  // namespace lowbit::testing
