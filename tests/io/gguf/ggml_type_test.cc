// SPDX-License-Identifier: Apache-2.0
// Blocks of GGUF files: what they stand for, as matrices, and back.
#include "lowbit/io/gguf/ggml_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "lowbit/core/half.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/block_float.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

/// Hashes of the floats of 16 blocks of random bytes, as NumPy computes them from the format's description;
/// the high exponent bit of float16 numbers is cleared, exponents of MXFP4 are odd and below 128.
struct BlockCase {
  GgmlType type;
  std::vector<std::size_t> halves, exponents;
  std::uint64_t hash;
};
const BlockCase kBlockCases[] = {
    {GgmlType::q4_0, {0}, {}, 0x519156b9949d6196},    {GgmlType::q4_1, {0, 2}, {}, 0x62cc5c587adcca21},
    {GgmlType::q5_0, {0}, {}, 0xce133c811e6f2bbe},    {GgmlType::q5_1, {0, 2}, {}, 0x8d3c5783dbe72125},
    {GgmlType::q8_0, {0}, {}, 0x5216216c008c162d},    {GgmlType::q2_k, {80, 82}, {}, 0x5f09dae83f38df77},
    {GgmlType::q3_k, {108}, {}, 0x47ccc55793f40094},  {GgmlType::q4_k, {0, 2}, {}, 0x93386515d5e2f721},
    {GgmlType::q5_k, {0, 2}, {}, 0x8b3833ab06060aa6}, {GgmlType::q6_k, {208}, {}, 0x92adc87c96884794},
    {GgmlType::iq4_nl, {0}, {}, 0x9a288088bf0fbdf2},  {GgmlType::tq1_0, {52}, {}, 0xc27914b465fc5cb6},
    {GgmlType::tq2_0, {64}, {}, 0x23700f452438a045},  {GgmlType::mxfp4, {}, {0}, 0x45806db39784a901},
};
constexpr std::size_t kBlockCount = 16;

std::vector<std::byte> random_blocks(const BlockCase& c) {
  const std::size_t size = ggml_block_bytes(c.type);
  std::vector<std::byte> blocks(kBlockCount * size);
  std::uint64_t state = size;
  for (std::byte& b : blocks) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    b = static_cast<std::byte>(state >> 56);
  }
  for (std::size_t k = 0; k < kBlockCount; ++k) {
    for (const std::size_t h : c.halves) blocks[k * size + h + 1] &= std::byte{0xbf};
    for (const std::size_t e : c.exponents)
      blocks[k * size + e] = (blocks[k * size + e] & std::byte{0x7f}) | std::byte{1};
  }
  return blocks;
}

std::vector<float> floats_of(GgmlType type, std::span<const std::byte> blocks) {
  std::vector<float> y(blocks.size() / ggml_block_bytes(type) *
                       static_cast<std::size_t>(ggml_block_elements(type)));
  ggml_floats(type, blocks, y);
  return y;
}

std::vector<float> floats_of(const QuantizedMatrix& q) {
  std::vector<float> y(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, MutableMatrixView(y.data(), q.rows, q.cols));
  return y;
}

/// Four rows of four blocks.
QuantizedMatrix matrix_of(GgmlType type, std::span<const std::byte> blocks) {
  return matrix_from_ggml(type, blocks, 4, 4 * ggml_block_elements(type));
}

void put_half_at(std::vector<std::byte>& blocks, std::size_t at, float value) {
  const std::uint16_t bits = float16::encode(value);
  std::memcpy(blocks.data() + at, &bits, 2);
}

TEST(GgmlType, FloatsHaveTheBitsOfTheSpecification) {
  for (const BlockCase& c : kBlockCases) {
    const std::vector<float> y = floats_of(c.type, random_blocks(c));
    EXPECT_EQ(testing::fnv1a(y.data(), y.size() * sizeof(float)), c.hash) << ggml_type_name(c.type);
  }
}

TEST(GgmlType, MatricesStandForTheFloats) {
  for (const BlockCase& c : kBlockCases) {
    const std::vector<std::byte> blocks = random_blocks(c);
    const QuantizedMatrix q = matrix_of(c.type, blocks);
    EXPECT_NO_THROW(q.validate());
    const std::vector<float> expected = floats_of(c.type, blocks), values = floats_of(q);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i] + 0.0f),
                std::bit_cast<std::uint32_t>(expected[i] + 0.0f))
          << ggml_type_name(c.type) << " " << i;
  }
}

TEST(GgmlType, WithoutNegativeScalesEvenZerosHaveTheirSign) {
  for (const BlockCase& c : kBlockCases) {
    std::vector<std::byte> blocks = random_blocks(c);
    if (c.type == GgmlType::q3_k || c.type == GgmlType::q6_k) continue;  // scales within have signs
    for (std::size_t k = 0; k < kBlockCount; ++k)
      for (const std::size_t h : c.halves) blocks[k * ggml_block_bytes(c.type) + h + 1] &= std::byte{0x7f};
    const std::vector<float> expected = floats_of(c.type, blocks),
                             values = floats_of(matrix_of(c.type, blocks));
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)), 0)
        << ggml_type_name(c.type);
  }
}

TEST(GgmlType, BlocksComeBackByteForByte) {
  for (const BlockCase& c : kBlockCases) {
    if (!ggml_is_written(c.type)) continue;
    std::vector<std::byte> blocks = random_blocks(c);
    const std::size_t size = ggml_block_bytes(c.type);
    if (c.type == GgmlType::tq1_0 || c.type == GgmlType::tq2_0) {
      for (std::size_t k = 0; k < kBlockCount; ++k) blocks[k * size + c.halves[0] + 1] &= std::byte{0x7f};
      if (c.type == GgmlType::tq1_0)  // 13 of 256 bytes are what no writer makes
        blocks = ggml_from_matrix(c.type, matrix_of(c.type, blocks));
    }
    EXPECT_EQ(ggml_from_matrix(c.type, matrix_of(c.type, blocks)), blocks) << ggml_type_name(c.type);
  }
}

// Quantizers make such blocks of zeros: llama.cpp's Q4_0 and Q5_0 with a scale of -0.
TEST(GgmlType, BlocksOfScaleZeroComeBack) {
  for (const BlockCase& c : kBlockCases) {
    if (!ggml_is_written(c.type) || c.halves.empty()) continue;
    const int zero = c.type == GgmlType::q4_0     ? 0x88
                     : c.type == GgmlType::iq4_nl ? 0x88
                     : c.type == GgmlType::tq1_0  ? 0x80
                     : c.type == GgmlType::tq2_0  ? 0x55
                                                  : 0x00;
    const std::size_t size = ggml_block_bytes(c.type);
    std::vector<std::byte> blocks = random_blocks(c);
    if (c.type == GgmlType::tq1_0) blocks = ggml_from_matrix(c.type, matrix_of(c.type, blocks));
    for (std::size_t i = 0; i < size; ++i) blocks[5 * size + i] = static_cast<std::byte>(zero);
    if (c.type == GgmlType::q5_0) std::memset(blocks.data() + 5 * size + 2, 0xff, 4);
    if (c.type == GgmlType::tq1_0) std::memset(blocks.data() + 5 * size + 48, 0x7f, 4);  // four digits
    for (std::size_t k = 0; k < kBlockCount; ++k)
      if (c.type == GgmlType::tq1_0 || c.type == GgmlType::tq2_0)
        blocks[k * size + c.halves[0] + 1] &= std::byte{0x7f};
    for (const float d : {0.0f, -0.0f}) {
      const bool keeps_sign = c.type == GgmlType::q4_0 || c.type == GgmlType::q5_0;
      if (std::signbit(d) && !keeps_sign) continue;
      put_half_at(blocks, 5 * size + c.halves[0], d);
      const QuantizedMatrix q = matrix_of(c.type, blocks);
      const std::vector<float> expected = floats_of(c.type, blocks), values = floats_of(q);
      for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], expected[i]) << i;
      EXPECT_EQ(ggml_from_matrix(c.type, q), blocks) << ggml_type_name(c.type) << " " << d;
      // And not taken for a block of scale 1 whose codes are all zero.
      put_half_at(blocks, 5 * size + c.halves[0], 1.0f);
      if (c.type == GgmlType::iq4_nl) continue;
      EXPECT_EQ(ggml_from_matrix(c.type, matrix_of(c.type, blocks)), blocks) << ggml_type_name(c.type);
    }
  }
}

TEST(GgmlType, Mxfp4TakesAllExponents) {
  const BlockCase& c = kBlockCases[13];
  const auto with = [&](int low, int high) {
    std::vector<std::byte> blocks = random_blocks(c);
    for (std::size_t k = 0; k < kBlockCount; ++k) blocks[k * 17] = static_cast<std::byte>(k % 2 ? low : high);
    return blocks;
  };
  for (const auto& [low, high] : {std::pair{0, 252}, {1, 254}, {2, 255}, {0, 0}, {255, 255}}) {
    const std::vector<std::byte> blocks = with(low, high);
    const QuantizedMatrix q = matrix_of(c.type, blocks);
    const std::vector<float> expected = floats_of(c.type, blocks), values = floats_of(q);
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], expected[i]) << low << " " << high;
    EXPECT_EQ(ggml_from_matrix(c.type, q), blocks) << low << " " << high;
  }
  EXPECT_TRUE(says(error_of([&] { matrix_of(c.type, with(0, 255)); }, ErrorCode::unsupported), {"0 to 255"}));
}

// What the library quantizes itself in blocks of 32.
TEST(GgmlType, WritesMatricesThatWereQuantizedHere) {
  testing::Random random(1);
  std::vector<float> w(8 * 64);
  for (float& x : w) x = random.gaussian();
  const MatrixView view(w.data(), 8, 64);
  const auto comes_back = [&](GgmlType type, const QuantizedMatrix& q) {
    const std::vector<std::byte> blocks = ggml_from_matrix(type, q);
    EXPECT_EQ(floats_of(type, blocks), floats_of(q)) << ggml_type_name(type);
    EXPECT_EQ(ggml_from_matrix(type, matrix_from_ggml(type, blocks, 8, 64)), blocks) << ggml_type_name(type);
  };
  comes_back(GgmlType::q4_0, quantize(view, Affine<4>{.granularity = per_group(32)}));
  comes_back(GgmlType::q8_0, quantize(view, Affine<8>{.granularity = per_group(32)}));
  comes_back(GgmlType::q5_0, quantize(view, Affine<5>{.granularity = per_group(64)}));
  comes_back(GgmlType::mxfp4, quantize(view, MxFp{.element = MiniFloat::fp4_e2m1}));
  EXPECT_TRUE(says(error_of([&] { ggml_from_matrix(GgmlType::q4_0, quantize(view, Affine<4>{})); },
                            ErrorCode::unsupported),
                   {"row 0", "float16", "Q4_0"}));
  EXPECT_TRUE(says(
      error_of(
          [&] { ggml_from_matrix(GgmlType::q4_0, quantize(view, Affine<8>{.granularity = per_group(32)})); },
          ErrorCode::unsupported),
      {"codes", "4 bits", "Q4_0"}));
  EXPECT_TRUE(says(error_of([&] { ggml_from_matrix(GgmlType::tq2_0, quantize(view, Affine<4>{})); },
                            ErrorCode::shape_mismatch),
                   {"64", "TQ2_0", "256"}));
}

TEST(GgmlType, MatricesRunAsLinear) {
  testing::Random random(2);
  for (const BlockCase& c : kBlockCases) {
    std::vector<std::byte> blocks = random_blocks(c);
    const QuantizedMatrix q = matrix_of(c.type, blocks);
    const std::vector<float> w = floats_of(q);
    std::vector<float> x(static_cast<std::size_t>(2 * q.cols)), y(2 * 4);
    const std::vector<float> bias{1, -2, 3, -4};
    for (float& v : x) v = random.uniform();
    const Linear fc(q, {.bias = bias, .activations = weight_only(), .activation = {.lo = 0.25f}});
    fc.forward(TensorView(x.data(), Shape{2, q.cols}), MutableTensorView(y.data(), Shape{2, 4}));
    for (std::size_t s = 0; s < 2; ++s)
      for (std::size_t r = 0; r < 4; ++r) {
        double sum = bias[r], size = 4;
        for (std::size_t k = 0; k < static_cast<std::size_t>(q.cols); ++k) {
          const double term = double{w[r * static_cast<std::size_t>(q.cols) + k]} *
                              double{x[s * static_cast<std::size_t>(q.cols) + k]};
          sum += term, size += std::fabs(term);
        }
        EXPECT_NEAR(y[s * 4 + r], std::max(0.25, sum), 1e-5 * size) << ggml_type_name(c.type);
      }
  }
}

TEST(GgmlType, NamesWhatCannotBe) {
  const BlockCase& c = kBlockCases[0];
  std::vector<std::byte> blocks = random_blocks(c);
  EXPECT_TRUE(
      says(error_of([&] { matrix_from_ggml(GgmlType::q4_0, blocks, 4, 96); }, ErrorCode::shape_mismatch),
           {"288 bytes", "Q4_0", "4x96", "32 weights in 18 bytes"}));
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{0, 128},
                                   {4, 127},
                                   {-4, -128},
                                   {INT64_MAX, INT64_MAX},
                                   {std::int64_t{1} << 40, 128}})
    error_of([&, r = rows, k = cols] { matrix_from_ggml(GgmlType::q4_0, blocks, r, k); },
             ErrorCode::shape_mismatch);
  put_half_at(blocks, 3 * 18, std::numeric_limits<float>::infinity());
  EXPECT_TRUE(
      says(error_of([&] { matrix_of(c.type, blocks); }, ErrorCode::corrupt_file), {"block 3", "inf"}));
  std::vector<float> few(31);
  error_of([&] { ggml_floats(GgmlType::q4_0, blocks, few); }, ErrorCode::shape_mismatch);
  error_of([&] { ggml_floats(GgmlType::iq2_xs, blocks, few); }, ErrorCode::unsupported);
  error_of([&] { matrix_from_ggml(GgmlType::f32, blocks, 1, 72); }, ErrorCode::unsupported);
  error_of([&] { matrix_from_ggml(static_cast<GgmlType>(999), blocks, 1, 72); }, ErrorCode::unsupported);
  error_of([&] { ggml_from_matrix(GgmlType::q4_k, QuantizedMatrix{}); }, ErrorCode::unsupported);
  error_of([&] { ggml_from_matrix(GgmlType::q4_0, QuantizedMatrix{}); }, ErrorCode::corrupt_file);
}

}  // namespace
}  // namespace lowbit
