// SPDX-License-Identifier: Apache-2.0
// Stats are the same bytes however the stream was cut, by however many threads, in whatever order parts were
// merged; files are hostile until read.
#include "lowbit/recover/layer_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "recover/capture_network.h"
#include "support/error_of.h"
#include "support/mend_checksum.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::capture_graph;
using testing::capture_samples;
using testing::error_of;
using testing::pick;
using testing::Random;
using testing::says;

constexpr std::int64_t kSamples = 23;

/// Samples of very different sizes, so that sums change their grids on the way.
Tensor uneven_samples() {
  Tensor samples = capture_samples(capture_graph(), kSamples);
  const std::int64_t size = samples.shape.elements() / kSamples;
  for (std::int64_t i = 0; i < samples.shape.elements(); ++i) {
    const std::int64_t s = i / size;
    samples.data[static_cast<std::size_t>(i)] *= s % 5 == 3 ? 0x1p25f : s % 5 == 1 ? 0x1p-20f : 0.37f;
  }
  return samples;
}

/// A model whose inputs differ from those of `model` everywhere.
Model other_model() {
  Graph graph = capture_graph();
  for (Graph::Node& node : graph.nodes)
    if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op))
      for (float& w : conv->weight.data) w *= 0.9f;
  return Model(graph);
}

CaptureOptions options(int threads = 1, StreamShard shard = {}) {
  return {.other = other_model(),
          .positions = 20,
          .sampled_rows = 17,
          .threads = threads,
          .data = "numbers",
          .shard = shard};
}

std::vector<std::byte> whole() {
  return save_to_bytes(capture(Model(capture_graph()), std::vector<Tensor>{uneven_samples()}, options()));
}

LayerStats part(int index, int count, int threads = 1) {
  Capturer capturer(Model(capture_graph()), options(threads, {index, count}));
  capturer.add(pick(uneven_samples(), index, count));
  return capturer.shard();
}

TEST(LayerStats, NeitherThreadsNorBatchesMatter) {
  const std::vector<std::byte> expected = whole();
  const Model model(capture_graph());
  const Tensor samples = uneven_samples();
  for (const int threads : {1, 2, 4}) {
    EXPECT_EQ(save_to_bytes(capture(model, std::vector<Tensor>{samples}, options(threads))), expected);
    std::vector<Tensor> singles;
    for (std::int64_t s = 0; s < kSamples; ++s) singles.push_back(pick(samples, s, kSamples));
    EXPECT_EQ(save_to_bytes(capture(model, singles, options(threads))), expected);
  }
}

TEST(LayerStats, MergedPartsAreTheWholeInAnyOrder) {
  const std::vector<std::byte> expected = whole();
  Random random(1);
  for (const int count : {1, 2, 3, 7, 23, 30}) {
    std::vector<LayerStats> parts;
    for (int i = 0; i < count; ++i) {
      LayerStats p = part(i, count, 1 + i % 2);
      // Some travel as bytes.
      parts.push_back(i % 3 == 1 ? load_layer_stats(save_to_bytes(p), "p" + std::to_string(i)) : p);
    }
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = parts.size(); i-- > 1;)
        std::swap(parts[i], parts[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
      ASSERT_EQ(save_to_bytes(merge_layer_stats(parts)), expected) << count;
    }
  }
}

TEST(LayerStats, APartIsACopy) {
  Capturer capturer(Model(capture_graph()), options());
  const Tensor samples = uneven_samples();
  capturer.add(pick(samples, 0, 2));
  const LayerStats early = capturer.shard();
  const std::vector<std::byte> before = save_to_bytes(early);
  capturer.add(pick(samples, 1, 2));
  EXPECT_EQ(save_to_bytes(early), before);
  EXPECT_NE(save_to_bytes(capturer.finish()), before);
}

TEST(LayerStats, FilesGiveBackTheSameBytes) {
  const testing::TemporaryFolder folder;
  const LayerStats stats = capture(Model(capture_graph()), std::vector<Tensor>{uneven_samples()}, options());
  save(stats, folder / "net.stats");
  const LayerStats loaded = load_layer_stats(folder / "net.stats");
  EXPECT_EQ(save_to_bytes(loaded), save_to_bytes(stats));
  EXPECT_EQ(loaded.layer("fc").second_moment(), stats.layer("fc").second_moment());
  EXPECT_EQ(loaded.layer("grouped").cross_moment(1), stats.layer("grouped").cross_moment(1));
  EXPECT_EQ(loaded.layer("mixed").sampled_rows().x, stats.layer("mixed").sampled_rows().x);
  error_of([&] { load_layer_stats(folder / "nothing.stats"); }, ErrorCode::not_found);
  EXPECT_TRUE(
      says(error_of([&] { stats.layer("head"); }, ErrorCode::not_found), {"'head'", "grouped", "fc"}));
}

TEST(LayerStats, PartsThatDoNotBelongTogetherAreRefused) {
  const auto refused = [](std::vector<LayerStats> parts) {
    return error_of([&] { merge_layer_stats(std::move(parts)); }, ErrorCode::invalid_argument);
  };
  const LayerStats a = part(0, 3), b = part(1, 3), c = part(2, 3);
  EXPECT_NO_THROW(merge_layer_stats({c, a, b}));
  EXPECT_TRUE(says(refused({}), {"no part"}));
  EXPECT_TRUE(says(refused({a, c}), {"shard 2 of 3 is missing"}));
  EXPECT_TRUE(says(refused({a, b, b}), {"shard 2 of 3 is given twice"}));
  EXPECT_TRUE(says(refused({a, part(1, 2)}), {"number of shards"}));
  LayerStats other = b;
  other.data = "letters";
  EXPECT_TRUE(says(refused({a, other, c}), {"shard 2 of 3", "letters", "numbers"}));
  other = b, other.model ^= 1;
  EXPECT_TRUE(says(refused({a, other, c}), {"another model"}));
  other = b, other.layers.pop_back();
  EXPECT_TRUE(says(refused({a, other, c}), {"other layers or options"}));
  Capturer capturer(Model(capture_graph()), options(1, {1, 3}));
  capturer.add(pick(uneven_samples(), 1, 12));
  EXPECT_TRUE(says(refused({a, capturer.shard(), c}), {"shard 2 of 3", "captured to its end"}));
}

TEST(LayerStats, DamagedBytesAreRefused) {
  const std::vector<std::byte> bytes = whole();
  for (std::size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 1013)
    error_of([&] { load_layer_stats(std::span(bytes).first(size)); }, ErrorCode::corrupt_file);
  for (std::size_t at = 0; at < bytes.size(); at += 4099) {
    std::vector<std::byte> flipped = bytes;
    flipped[at] ^= std::byte{0x10};
    EXPECT_THROW(load_layer_stats(flipped), Error) << at;
  }
}

/// With the checksum mended, the reader itself must hold; what it takes can be read and merged.
TEST(LayerStats, HostileBytesNeverCrash) {
  const std::vector<std::byte> bytes = save_to_bytes(part(0, 2));
  const LayerStats second = part(1, 2);
  Random random(3);
  int refused = 0;
  for (int round = 0; round < 120; ++round) {
    std::vector<std::byte> hostile = bytes;
    // Most of a file are digits; the structure is at the front of each layer.
    const auto end = static_cast<std::int64_t>(round % 2 ? bytes.size() : 400) - 1;
    for (int i = 0; i < 2; ++i)
      hostile[static_cast<std::size_t>(random.integer(24, end))] =
          static_cast<std::byte>(random.integer(0, 255));
    testing::mend_checksum(hostile);
    try {
      const LayerStats stats = load_layer_stats(hostile);
      for (const LayerMoments& layer : stats.layers) layer.second_moment();
      merge_layer_stats({stats, second});
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace lowbit
