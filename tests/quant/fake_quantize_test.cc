// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/fake_quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(FakeQuantize, IsQuantizeThenDequantize) {
  testing::Random random(5);
  std::vector<float> x(1000), out(x.size()), expected(x.size());
  for (auto& v : x) v = 3 * random.gaussian();
  x[3] = std::nanf(""), x[4] = std::numeric_limits<float>::infinity(), x[5] = -x[4];
  const QParams q{0.05f, 7};
  const IntRange codes{-100, 100};
  std::vector<std::int32_t> c(x.size());
  std::vector<std::uint8_t> mask(x.size());
  quantize(x, q, codes, c);
  dequantize(c, q, expected);
  fake_quantize(x, q, codes, out, mask);
  EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double steps = std::nearbyint(double(x[i] * (1.0f / q.scale))) + q.zero_point;
    EXPECT_EQ(mask[i], steps >= codes.qmin && steps <= codes.qmax) << x[i];
  }
}

TEST(FakeQuantize, MasksWeightsBeyondTheirGroup) {
  const std::vector<float> w = {0.1f, -0.2f, 5.0f, 0.3f, -9.0f, 1.0f, 2.0f, 0.5f};
  std::vector<float> out(w.size()), expected(w.size());
  std::vector<std::uint8_t> mask(w.size());
  struct Clipped {
    Granularity granularity = per_group(4);
    int code_bits() const { return 4; }
    AffineGroup fit(std::span<const float>, std::span<const float>) const { return {0.125f, 0, -7, 7}; }
  };
  const MatrixView view(w.data(), 1, 8);
  fake_quantize(view, Clipped{}, MutableMatrixView(out.data(), 1, 8), mask);
  dequantize(quantize(view, Clipped{}), MutableMatrixView(expected.data(), 1, 8));
  EXPECT_EQ(out, expected);
  EXPECT_EQ(mask, (std::vector<std::uint8_t>{1, 1, 0, 1, 0, 0, 0, 1}));
}

TEST(FakeQuantize, RefusesSizesThatDiffer) {
  std::vector<float> x(4), out(4), small(3);
  std::vector<std::uint8_t> mask(3);
  EXPECT_THROW(fake_quantize(x, QParams{}, IntRange{}, small), Error);
  EXPECT_THROW(fake_quantize(x, QParams{}, IntRange{}, out, mask), Error);
  EXPECT_THROW(
      fake_quantize(MatrixView(x.data(), 2, 2), Affine<4>{}, MutableMatrixView(out.data(), 2, 2), mask),
      Error);
  EXPECT_THROW(fake_quantize(MatrixView(x.data(), 2, 2), Affine<4>{}, MutableMatrixView(out.data(), 1, 4)),
               Error);
}

}  // namespace
}  // namespace lowbit
