// SPDX-License-Identifier: Apache-2.0
// The promise on a whole network: committed quantized models give the same output bits on every ISA and every
// CPU. The hashes below were computed once; CTest runs this binary under every LOWBIT_ISA that the machine
// may have, and on aarch64. The inputs are the project's own glyphs, drawn in integers and exact floats.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "data/glyphs.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/serialize.h"
#include "support/random.h"

namespace lowbit {
namespace {

constexpr std::int64_t kImages = 48;

Tensor glyphs() {
  Tensor images(Shape{kImages, 1, 28, 28});
  for (std::int64_t i = 0; i < kImages; ++i) {
    const auto glyph = data::draw_glyph(data::kGlyphTestSeed, static_cast<std::uint64_t>(i));
    std::memcpy(images.data.data() + i * 784, glyph.pixels.data(), 784 * sizeof(float));
  }
  return images;
}

std::uint64_t output_hash(const std::string& file, std::int64_t batch, int threads) {
  const Model model = load(std::string(LOWBIT_SOURCE_DIR) + "/tests/model/golden/" + file);
  Workspace workspace(model, {.batch = batch, .threads = threads});
  const Tensor in = glyphs();
  Tensor out(Shape{kImages, 10});
  for (std::int64_t first = 0; first < kImages; first += batch)
    run(model, TensorView(in.data.data() + first * 784, Shape{batch, 1, 28, 28}),
        MutableTensorView(out.data.data() + first * 10, Shape{batch, 10}), workspace);
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i) {
    const std::string kernel = model.kernel(i);
    if (kernel.starts_with("s8/")) {
      ::testing::Test::RecordProperty("kernel", kernel);
      fmt::print("{}: {}\n", file, kernel);
      break;
    }
  }
  return testing::fnv1a(out.data.data(), out.data.size() * sizeof(float));
}

TEST(Golden, StaticInt8) {
  EXPECT_EQ(output_hash("glyphs-int8.lowbit", 1, 1), 16433631814719349060u);
  EXPECT_EQ(output_hash("glyphs-int8.lowbit", 16, 2), 16433631814719349060u);
}

TEST(Golden, DynamicAsymmetricInt8) {
  EXPECT_EQ(output_hash("glyphs-int8-asym-dynamic.lowbit", 1, 1), 1937216084047831400u);
  EXPECT_EQ(output_hash("glyphs-int8-asym-dynamic.lowbit", 16, 2), 1937216084047831400u);
}

}  // namespace
}  // namespace lowbit
