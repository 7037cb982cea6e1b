// SPDX-License-Identifier: Apache-2.0
// Compressed .lowbit files: the same model from fewer bytes, and no harm from damaged ones.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/gaussians.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::gaussians;

/// 20,000 weights, which are many enough to have tables.
Graph network() {
  Graph graph;
  const ValueId x = graph.add_value("input", Shape{8, 6, 6});
  graph.inputs = {x};
  ops::Conv2dOp conv{
      Tensor(Shape{32, 8, 3, 3}, gaussians(2304, 0.1f, 1)), gaussians(32, 0.1f, 2), {}, 1, {0.0f, 6.0f}};
  conv.window.kernel = {3, 3};
  conv.window.pad = {1, 1, 1, 1};
  const ValueId c = graph.add_node("features.0.conv", conv, {x});
  const ValueId flat = graph.add_node("features.1.flatten", ops::FlattenOp{}, {c});
  const ValueId h = graph.add_node(
      "features.2.linear",
      ops::LinearOp{Tensor(Shape{15, 1152}, gaussians(17280, 0.03f, 3)), gaussians(15, 0.1f, 4), {}}, {flat});
  graph.outputs = {graph.add_node("features.3.linear",
                                  ops::LinearOp{Tensor(Shape{3, 15}, gaussians(45, 0.2f, 5)), {}, {}}, {h})};
  return graph;
}

Model in_scheme(const char* scheme) {
  const Model fp32(network());
  return std::string(scheme) == "fp32" ? fp32 : quantize(fp32, {.scheme = scheme});
}

TEST(CompressedFile, HoldsTheSameModel) {
  for (const char* scheme :
       {"fp32", "int8-dynamic", "int5-dynamic", "int4-g32-asym-dynamic", "int3-dynamic", "int2-dynamic",
        "ternary-wo", "kmeans4-wo", "kmeans8-wo", "binary-wo", "nf4-g64-wo"}) {
    const Model model = in_scheme(scheme);
    const std::vector<std::byte> plain = save_to_bytes(model),
                                 small = save_to_bytes(model, {.compress = true});
    EXPECT_LT(small.size(), plain.size()) << scheme;
    const Model loaded = load(small);
    EXPECT_EQ(save_to_bytes(loaded), plain) << scheme;
    EXPECT_EQ(save_to_bytes(loaded, {.compress = true}), small) << scheme;
  }
}

/// Codes within 2 % of their entropy, layer by layer, and all that is not codes in a few hundred bytes.
TEST(CompressedFile, TakesCloseToTheEntropyOfItsCodes) {
  const Model model = in_scheme("int4-dynamic");
  double bits = 0, rest = 0;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i) {
    const auto weights = model.weights(i);
    if (!weights) continue;
    std::vector<double> counts(16);
    for (std::int64_t r = 0; r < weights->rows; ++r)
      for (std::int64_t c = 0; c < weights->cols; ++c)
        ++counts[static_cast<std::size_t>(weights->code(r, c))];
    for (const double n : counts)
      if (n > 0) bits -= n * std::log2(n / static_cast<double>(weights->rows * weights->cols));
    rest += 8.0 * static_cast<double>(weights->rows);  // a scale and a bias each
  }
  const auto size = static_cast<double>(save_to_bytes(model, {.compress = true}).size());
  EXPECT_LT(size, 1.02 * bits / 8 + rest + 420);
  EXPECT_GT(size, bits / 8);
}

TEST(CompressedFile, DamagedOnesAreRefused) {
  const std::vector<std::byte> bytes = save_to_bytes(in_scheme("int4-dynamic"), {.compress = true});
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 331) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(load(cut), Error) << size;
    if (size < 24) continue;
    const std::uint64_t payload = size - 24;
    for (std::size_t i = 0; i < 8; ++i) cut[16 + i] = static_cast<std::byte>(payload >> (8 * i));
    testing::mend_checksum(cut);
    EXPECT_THROW(load(cut), Error) << size;
  }
}

TEST(CompressedFile, HostileOnesNeverCrash) {
  testing::Random random(3);
  int refused = 0;
  for (const char* scheme : {"int4-dynamic", "int8-dynamic", "fp32"}) {
    const std::vector<std::byte> bytes = save_to_bytes(in_scheme(scheme), {.compress = true});
    for (int round = 0; round < 150; ++round) {
      std::vector<std::byte> hostile = bytes;
      const std::int64_t last = round % 2 ? 200 : static_cast<std::int64_t>(bytes.size()) - 1;
      for (int i = 0; i < 2; ++i)
        hostile[static_cast<std::size_t>(random.integer(24, last))] =
            static_cast<std::byte>(random.integer(0, 255));
      testing::mend_checksum(hostile);
      try {
        const Model model = load(hostile);
      } catch (const Error& e) {
        ++refused;
        EXPECT_EQ(std::string(e.what()).find("std::"), std::string::npos);
      }
    }
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace lowbit
