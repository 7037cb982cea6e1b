// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/dynamic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/quantize.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(AdaptiveRange, IsTheMovingAverageOfTheBatches) {
  testing::Random random(1);
  AdaptiveRange adaptive(0.1f);
  double min = 0, max = 0;
  for (int batch = 0; batch < 200; ++batch) {
    std::vector<float> x(100);
    for (float& v : x) v = random.gaussian() + static_cast<float>(batch) * 0.05f;
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    min = batch ? 0.9 * min + 0.1 * double(*low) : double(*low);
    max = batch ? 0.9 * max + 0.1 * double(*high) : double(*high);
    adaptive.update(x);
    EXPECT_NEAR(adaptive.range().min, min, 1e-5 * (1 + std::fabs(min)));
    EXPECT_NEAR(adaptive.range().max, max, 1e-5 * (1 + std::fabs(max)));
  }
  // It follows the batches and gives parameters that quantize the latest of them.
  EXPECT_GT(adaptive.range().min, 3.0f);
  const QParams q = choose_qparams(adaptive.range(), unsigned_range(8));
  std::vector<std::uint8_t> code(1);
  quantize(std::vector<float>{10.0f}, q, unsigned_range(8), std::span(code));
  EXPECT_NEAR(q.scale * static_cast<float>(code[0] - q.zero_point), 10.0f, q.scale);
}

TEST(AdaptiveRange, KeepsOutWhatIsNotFinite) {
  AdaptiveRange adaptive(0.5f);
  adaptive.update(std::vector<float>{NAN, kInf});
  EXPECT_EQ(adaptive.range(), (Range{0, 0}));
  adaptive.update(std::vector<float>{2, NAN, 6});
  adaptive.update({});
  EXPECT_EQ(adaptive.range(), (Range{2, 6}));
  adaptive.update(std::vector<float>{-2, kInf, 4});
  EXPECT_EQ(adaptive.range(), (Range{0, 5}));
  // A constant stays where it is, the largest floats do not overflow.
  AdaptiveRange constant(0.01f), huge(0.3f);
  constexpr float kMax = std::numeric_limits<float>::max();
  for (int i = 0; i < 100; ++i) {
    constant.update(std::vector<float>{1.0f});
    huge.update(std::vector<float>{-kMax, kMax});
  }
  EXPECT_EQ(constant.range(), (Range{1, 1}));
  EXPECT_EQ(huge.range(), (Range{-kMax, kMax}));
  for (const float rate : {0.0f, -1.0f, 1.5f, NAN}) EXPECT_THROW(AdaptiveRange{rate}, Error);
}

}  // namespace
}  // namespace lowbit
