// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "lowbit/compress/nested.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/quantize.h"

namespace lowbit {
namespace {

/// One row of all codes.
NestedMatrix every_code() {
  NestedMatrix m;
  m.rows = 1, m.cols = 256;
  for (int k = 0; k < 256; ++k) m.codes.push_back(static_cast<std::uint8_t>(k));
  m.scales = {0.5f};
  m.slices[0].levels = {-100, -30, 20, 90};
  m.slices[1].ratios = {100};  // a quarter more
  m.slices[2].ratios = {-40};  // a tenth less
  for (NestedMatrix::Slice& slice : m.slices) slice.biases = {-3}, slice.bias_step = 0.25f;
  return m;
}

std::vector<float> values(const NestedMatrix& m, int bits) {
  const QuantizedMatrix q = m.at(bits);
  std::vector<float> out(static_cast<std::size_t>(m.rows * m.cols));
  dequantize(q, MutableMatrixView(out.data(), m.rows, m.cols));
  return out;
}

TEST(NestedMatrix, EachWidthIsTheFirstBitsInItsOwnScale) {
  const NestedMatrix m = every_code();
  const auto v8 = values(m, 8), v6 = values(m, 6), v4 = values(m, 4), v2 = values(m, 2);
  const float levels[] = {-50.0f, -15.0f, 10.0f, 45.0f};
  const float six = 2.0f * (1.0f + -40 / 400.0f);
  for (int k = 0; k < 256; ++k) {
    const auto i = static_cast<std::size_t>(k);
    EXPECT_EQ(v8[i], 0.5f * static_cast<float>(k - 136));
    EXPECT_EQ(v6[i], six * static_cast<float>(k / 4 - 34));
    EXPECT_EQ(v4[i], 10.0f * static_cast<float>(k / 16 - 8));
    EXPECT_EQ(v2[i], levels[k / 64]);
  }
  EXPECT_EQ(m.at(4).format, WeightFormat::u4);
  EXPECT_EQ(m.at(2).format, WeightFormat::lut4);
  EXPECT_THROW(m.at(5), Error);
}

TEST(NestedMatrix, BiasesAreStepsFromThoseOfEightBits) {
  const NestedMatrix m = every_code();
  const std::vector<float> bias = {2.0f};
  EXPECT_EQ(m.bias_at(8, bias)[0], 2.0f);
  EXPECT_EQ(m.bias_at(4, bias)[0], 1.25f);
}

TEST(NestedMatrix, WhatCannotBeIsRefused) {
  every_code().validate();
  const auto refused = [](auto change) {
    NestedMatrix m = every_code();
    change(m);
    EXPECT_THROW(m.validate(), Error);
  };
  refused([](NestedMatrix& m) { m.codes.pop_back(); });
  refused([](NestedMatrix& m) { m.rows = -1; });
  refused([](NestedMatrix& m) { m.scales[0] = 0; });
  refused([](NestedMatrix& m) { m.slices[0].levels.pop_back(); });
  refused([](NestedMatrix& m) { m.slices[1].ratios.clear(); });
  refused([](NestedMatrix& m) { m.slices[2].bias_step = 1.0f / 0.0f; });
}

}  // namespace
}  // namespace lowbit
