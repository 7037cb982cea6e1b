// SPDX-License-Identifier: Apache-2.0
// The samples that a calibration keeps: the first ones, as they came, whatever the shards.
#include <gtest/gtest.h>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/calibration_shard.h"
#include "support/random.h"

namespace lowbit {
namespace {

Model kept_network() {
  ops::LinearOp op;
  op.weight = Tensor(Shape{2, 3}, {1, 2, 3, 4, 5, 6});
  Graph g;
  g.inputs = {g.add_value("x", {3})};
  g.outputs = {g.add_node("fc", op, g.inputs)};
  return Model(g);
}

const std::vector<float>& floats_of(const CalibrationTable& table) {
  EXPECT_EQ(table.kept.samples.count, static_cast<std::int64_t>(table.kept.numbers.size()));
  return table.kept.samples.inputs[0].floats;
}

Tensor counted_samples(std::int64_t count) {
  Tensor t(Shape{count, 3});
  for (std::size_t i = 0; i < t.data.size(); ++i) t.data[i] = static_cast<float>(i);
  return t;
}

TEST(KeptSamples, AreTheFirstThatThereIsRoomFor) {
  const Tensor all = counted_samples(10);
  const CalibrationTable table = calibrate(kept_network(), std::vector<Tensor>{all},
                                           {.threads = 2, .kept_bytes = 4 * 3 * sizeof(float) + 1});
  EXPECT_EQ(table.kept.numbers, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(floats_of(table), std::vector<float>(all.data.begin(), all.data.begin() + 12));
  EXPECT_EQ(floats_of(calibrate(kept_network(), std::vector<Tensor>{all})), all.data);
  EXPECT_TRUE(calibrate(kept_network(), std::vector<Tensor>{all}, {.kept_bytes = 0}).kept.numbers.empty());
}

TEST(KeptSamples, AreRowMajorWhateverTheStrides) {
  const Tensor all = counted_samples(4);
  TensorView columns(all.data.data(), Shape{3, 3});
  columns.strides = {1, 3};  // sample i is element i of each of three rows
  const CalibrationTable table = calibrate(kept_network(), std::vector<TensorView>{columns});
  EXPECT_EQ(floats_of(table), (std::vector<float>{0, 3, 6, 1, 4, 7, 2, 5, 8}));
}

TEST(KeptSamples, OfShardsComeInOrderOfTheStream) {
  const Tensor all = counted_samples(7);
  std::vector<CalibrationShard> parts;
  for (const std::int32_t shard : {2, 0, 1}) {
    Calibrator calibrator(kept_network(), {.shard = {shard, 3}});
    for (std::int64_t i = shard; i < 7; i += 3)
      calibrator.add(TensorView(all.data.data() + 3 * i, Shape{1, 3}));
    parts.push_back(calibrator.shard());
  }
  const CalibrationTable table = merge_calibration_shards(parts);
  EXPECT_EQ(table.kept.numbers, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(floats_of(table), all.data);
}

/// Of two inputs: three floats, and two integers that no float has.
struct Pairs {
  arrays::Array x, tokens;
  explicit Pairs(std::int64_t count)
      : x({ElementType::f32, Shape{count, 3}}), tokens({ElementType::i64, Shape{count, 2}}) {
    for (std::size_t i = 0; i < x.floats.size(); ++i) x.floats[i] = static_cast<float>(i);
    for (std::size_t i = 0; i < tokens.integers.size(); ++i)
      tokens.integers[i] = (std::int64_t{1} << 40) + static_cast<std::int64_t>(i);
  }
  std::vector<arrays::ArrayView> views() const { return {x.view(), tokens.view()}; }
};

Model network_with_two_inputs_kept() {
  Graph g = kept_network().graph();
  g.inputs.push_back(g.add_value("tokens", {2}));
  g.values.back().element = ElementType::i64;
  ops::EmbeddingOp table;
  table.weight = Tensor(Shape{2, 1}, {1, 2});
  g.outputs.push_back(g.add_node("embedding", table, {g.inputs[1]}));
  return Model(g);
}

TEST(KeptSamples, OfSeveralInputsAreThoseOfEach) {
  const Pairs all(7);
  const Model model = network_with_two_inputs_kept();
  const std::size_t of_sample = 3 * sizeof(float) + 2 * sizeof(std::int64_t);
  EXPECT_EQ(sample_bytes(model), of_sample);
  const CalibrationTable some = calibrate(model, std::vector<std::vector<arrays::ArrayView>>{all.views()},
                                          {.kept_bytes = 4 * of_sample});
  EXPECT_EQ(some.kept.numbers, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(floats_of(some), std::vector<float>(all.x.floats.begin(), all.x.floats.begin() + 12));
  EXPECT_EQ(some.kept.samples.inputs[1].integers,
            std::vector<std::int64_t>(all.tokens.integers.begin(), all.tokens.integers.begin() + 8));
  EXPECT_EQ(some.kept.samples.inputs[1].type, (arrays::ArrayType{ElementType::i64, Shape{4, 2}}));
  std::vector<CalibrationShard> parts;
  SampleSet whole(model);
  for (std::int64_t i = 0; i < 7; ++i) whole.append(all.views(), i);
  for (const std::int32_t shard : {1, 2, 0}) {
    Calibrator calibrator(model, {.shard = {shard, 3}});
    for (std::int64_t i = shard; i < 7; i += 3) calibrator.add(whole.views(i, 1));
    parts.push_back(calibrator.shard());
  }
  const CalibrationTable merged = merge_calibration_shards(parts);
  EXPECT_EQ(merged.kept.numbers, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(floats_of(merged), all.x.floats);
  EXPECT_EQ(merged.kept.samples.inputs[1].integers, all.tokens.integers);
}

}  // namespace
}  // namespace lowbit
