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
  EXPECT_EQ(table.kept.values, std::vector<float>(all.data.begin(), all.data.begin() + 12));
  EXPECT_EQ(calibrate(kept_network(), std::vector<Tensor>{all}).kept.values, all.data);
  EXPECT_TRUE(calibrate(kept_network(), std::vector<Tensor>{all}, {.kept_bytes = 0}).kept.numbers.empty());
}

TEST(KeptSamples, AreRowMajorWhateverTheStrides) {
  const Tensor all = counted_samples(4);
  TensorView columns(all.data.data(), Shape{3, 3});
  columns.strides = {1, 3};  // sample i is element i of each of three rows
  const CalibrationTable table = calibrate(kept_network(), std::vector<TensorView>{columns});
  EXPECT_EQ(table.kept.values, (std::vector<float>{0, 3, 6, 1, 4, 7, 2, 5, 8}));
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
  EXPECT_EQ(table.kept.values, all.data);
}

}  // namespace
}  // namespace lowbit
