// SPDX-License-Identifier: Apache-2.0
// Channels of ResNet-20 go through its residuals. Needs the shared data.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "lowbit/compress/prune_channels.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/recover/capture.h"
#include "recover/resnet20.h"

namespace lowbit {
namespace {

TEST(PruneChannelsResnet20, GoThroughResiduals) {
  LOWBIT_REQUIRE_SHARED(testing::kNet);
  LOWBIT_REQUIRE_SHARED(testing::kData);
  const Model fp32 = load_onnx(testing::shared_data(testing::kNet).string());
  const std::vector<Tensor> images = testing::images(fp32, 32);
  const LayerStats stats = capture(fp32, images);
  std::vector<RemovedChannels> removed;
  const Model smaller =
      prune_channels(fp32, {.fraction = 0.125, .scope = PruneScope::layer}, &stats, &removed);
  // 16, 32 and 64 channels; those of a stage's sums are removed from all layers that add to it.
  std::map<std::int64_t, std::int64_t> left{{16, 14}, {32, 28}, {64, 56}, {10, 10}};
  ASSERT_EQ(removed.size(), 20u);
  for (const RemovedChannels& layer : removed)
    EXPECT_EQ(static_cast<std::int64_t>(layer.kept.size()), left.at(layer.channels)) << layer.layer;
  EXPECT_LT(smaller.stored_bytes(), fp32.stored_bytes() * 8 / 10);

  // Of images that were not captured most keep their answer.
  Workspace all(fp32), less(smaller);
  const std::vector<Tensor> others = testing::images(fp32, 64);
  int same = 0;
  for (std::size_t i = 32; i < 64; ++i) {
    std::vector<float> a(10), b(10);
    run(fp32, TensorView(others[i].data.data(), Shape{3, 32, 32}), MutableTensorView(a.data(), Shape{10}),
        all);
    run(smaller, TensorView(others[i].data.data(), Shape{3, 32, 32}), MutableTensorView(b.data(), Shape{10}),
        less);
    same +=
        std::max_element(a.begin(), a.end()) - a.begin() == std::max_element(b.begin(), b.end()) - b.begin();
  }
  EXPECT_GT(same, 16);
}

}  // namespace
}  // namespace lowbit
