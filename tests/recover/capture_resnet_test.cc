// SPDX-License-Identifier: Apache-2.0
// A capture of ResNet-20 on 500 images of CIFAR-10: second moments against plain sums in double, the same
// bytes of shards, and what it takes in time and memory, which is printed. Needs the shared data.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdlib>

#include "lowbit/io/onnx/load.h"
#include "lowbit/recover/capture.h"
#include "model/copy_samples.h"
#include "model/workspace.h"
#include "recover/layer_rows.h"
#include "recover/resnet20.h"
#include "support/effort.h"
#include "support/shared_data.h"

namespace lowbit {
namespace {

using testing::images;
using testing::kData;
using testing::kNet;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// Sums of products in double, row by row, over the same FP32 values.
std::vector<double> plain_moment(const Model& model, int node, const std::vector<Tensor>& samples) {
  const detail::LayerRows layer(model, node);
  const auto n = static_cast<std::size_t>(layer.columns());
  std::vector<double> h(n * n);
  std::vector<float> row(n), decoded;
  Workspace::State state(model, {}, true);
  for (const Tensor& sample : samples) {
    copy_in(sample, state.args()[static_cast<std::size_t>(model.graph().inputs[0])], 1);
    run_steps(state, 1);
    const float* x =
        detail::LayerRows::floats(state.args()[static_cast<std::size_t>(layer.input())], decoded);
    for (std::int64_t p = 0; p < layer.positions(); ++p) {
      layer.gather(x, p, row.data());
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; row[i] != 0.0f && j < n; ++j) h[i * n + j] += double{row[i]} * double{row[j]};
    }
  }
  const double count = static_cast<double>(samples.size()) * static_cast<double>(layer.positions());
  for (double& x : h) x /= count;
  return h;
}

TEST(CaptureResNet20, MomentsOf500ImagesInTimeAndMemory) {
  LOWBIT_REQUIRE_SHARED(kNet);
  LOWBIT_REQUIRE_SHARED(kData);
  const Model model = load_onnx(testing::shared_data(kNet).string());
  const auto count = static_cast<std::int64_t>(testing::affordable(testing::affordable(500)));
  const std::vector<Tensor> samples = images(model, count);
  const CaptureOptions options{.threads = 2};
  const CaptureMemory memory = capture_memory(model, options);
  for (const CaptureMemory::Layer& layer : memory.layers)
    fmt::print("{:40} {:>12} bytes of statistics, {:>11} of work\n", layer.name, layer.stats, layer.work);
  fmt::print("values {} bytes, peak {} bytes\n", memory.values, memory.peak());
  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  const LayerStats stats = capture(model, samples, options);
  fmt::print("{} images, all positions, 2 threads: {:.1f} s, {:.1f} s of processor time\n", count,
             seconds_since(start), cpu_seconds() - cpu);
  EXPECT_EQ(stats.samples, count);
  EXPECT_LE(stats.bytes(), memory.peak());
  for (const LayerMoments& layer : stats.layers)
    EXPECT_EQ(layer.rows(), layer.positions()) << "all positions";
}

TEST(CaptureResNet20, EveryLayerEqualsAPlainSum) {
  LOWBIT_REQUIRE_SHARED(kNet);
  LOWBIT_REQUIRE_SHARED(kData);
  const Model model = load_onnx(testing::shared_data(kNet).string());
  const char* wanted = std::getenv("LOWBIT_CAPTURE_IMAGES");  // 500 takes minutes of plain loops
  const std::vector<Tensor> samples =
      images(model, wanted ? std::atoi(wanted) : static_cast<int>(testing::affordable(10)));
  const LayerStats stats = capture(model, samples, {.threads = 2});
  double worst = 0;
  for (const LayerMoments& layer : stats.layers) {
    int node = 0;
    while (model.graph().nodes[static_cast<std::size_t>(node)].name != layer.layer()) ++node;
    const std::vector<double> h = layer.second_moment(), plain = plain_moment(model, node, samples);
    double scale = 0, off = 0;
    for (std::size_t i = 0; i < h.size(); ++i) {
      scale = std::max(scale, std::fabs(plain[i]));
      off = std::max(off, std::fabs(h[i] - plain[i]));
    }
    EXPECT_LE(off, 1e-6 * scale) << layer.layer();
    worst = std::max(worst, off / scale);
  }
  fmt::print("{} images: largest difference {:.2e} of a matrix's largest element\n", samples.size(), worst);
}

TEST(CaptureResNet20, ShardsMakeTheSameBytes) {
  LOWBIT_REQUIRE_SHARED(kNet);
  LOWBIT_REQUIRE_SHARED(kData);
  const Model model = load_onnx(testing::shared_data(kNet).string());
  const std::vector<Tensor> samples = images(model, static_cast<std::int64_t>(testing::affordable(30)));
  const std::vector<std::byte> whole = save_to_bytes(capture(model, samples));
  std::vector<LayerStats> parts;
  for (int shard : {2, 0, 1}) {
    Capturer capturer(model, {.threads = 1 + shard, .shard = {shard, 3}});
    for (std::size_t i = static_cast<std::size_t>(shard); i < samples.size(); i += 3)
      capturer.add(samples[i]);
    parts.push_back(capturer.shard());
  }
  EXPECT_TRUE(save_to_bytes(merge_layer_stats(parts)) == whole);
}

}  // namespace
}  // namespace lowbit
