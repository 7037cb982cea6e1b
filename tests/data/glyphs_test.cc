// SPDX-License-Identifier: Apache-2.0
#include "data/glyphs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "data/glyph_strokes.h"
#include "support/random.h"

namespace lowbit::data {
namespace {

std::vector<float> images(std::uint64_t seed, std::uint64_t first, std::size_t count) {
  std::vector<float> pixels(count * kGlyphPixels);
  draw_glyphs(seed, first, pixels);
  return pixels;
}

TEST(Glyphs, FirstHundredHaveTheSameBitsOnEveryPlatform) {
  const std::vector<float> train = images(kGlyphTrainSeed, 0, 100), test = images(kGlyphTestSeed, 0, 100);
  EXPECT_EQ(testing::fnv1a(train.data(), train.size() * sizeof(float)), 0xCB6C2FE4180DB888u);
  EXPECT_EQ(testing::fnv1a(test.data(), test.size() * sizeof(float)), 0xED53ACBD7DFCCA5Eu);
}

TEST(Glyphs, AnImageDoesNotDependOnTheOthers) {
  const std::vector<float> together = images(3, 1000, 20);
  for (const std::uint64_t i : {19, 0, 7}) {
    const GlyphImage alone = draw_glyph(3, 1000 + i);
    EXPECT_EQ(0, std::memcmp(alone.pixels.data(), together.data() + i * kGlyphPixels, sizeof alone.pixels))
        << i;
  }
}

TEST(Glyphs, OnlyWholeImagesAreWritten) {
  std::vector<float> pixels(2 * kGlyphPixels - 1, -1.0f);
  draw_glyphs(1, 0, pixels);
  EXPECT_GE(pixels[kGlyphPixels - 1], 0.0f);
  for (std::size_t i = kGlyphPixels; i < pixels.size(); ++i) ASSERT_EQ(pixels[i], -1.0f);
}

TEST(Glyphs, SeedsAndIndicesGiveDifferentImages) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    for (std::uint64_t i = 0; i < 250; ++i)
      hashes.insert(testing::fnv1a(draw_glyph(seed, i).pixels.data(), kGlyphPixels * sizeof(float)));
  EXPECT_EQ(hashes.size(), 1000u);
}

TEST(Glyphs, LabelsAreBalancedInEveryTenImages) {
  for (std::uint64_t first : {0u, 130u}) {
    std::set<int> seen;
    for (std::uint64_t i = first; i < first + kGlyphClasses; ++i) {
      const int label = draw_glyph(kGlyphTestSeed, i).label;
      EXPECT_EQ(label, glyph_label(i));
      seen.insert(label);
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(kGlyphClasses));
  }
}

TEST(Glyphs, PixelsAreByteLevelsThatUseTheRange) {
  double sum = 0, sum2 = 0;
  std::set<float> levels;
  const std::vector<float> pixels = images(kGlyphTrainSeed, 0, 500);
  for (const float p : pixels) {
    const float code = std::nearbyint(p * 255.0f);
    ASSERT_EQ(p, code / 255.0f);
    ASSERT_TRUE(p >= 0.0f && p <= 1.0f);
    levels.insert(p);
    sum += p;
    sum2 += static_cast<double>(p) * p;
  }
  const double mean = sum / static_cast<double>(pixels.size());
  const double deviation = std::sqrt(sum2 / static_cast<double>(pixels.size()) - mean * mean);
  EXPECT_EQ(levels.size(), 256u);
  EXPECT_NEAR(mean, 0.21, 0.03);
  EXPECT_NEAR(deviation, 0.2, 0.04);
}

// The digit, not the noise, must stand out: ink in the middle of the image, paper at its border.
TEST(Glyphs, TheMiddleIsBrighterThanTheBorder) {
  double middle = 0, border = 0;
  const std::vector<float> pixels = images(kGlyphTestSeed, 0, 500);
  for (std::size_t i = 0; i < 500; ++i)
    for (std::size_t k = 0; k < kGlyphSide; ++k) {
      middle += pixels[i * kGlyphPixels + 14 * kGlyphSide + k] * (k >= 9 && k < 19);
      border += pixels[i * kGlyphPixels + k] * 10.0 / kGlyphSide;
    }
  EXPECT_GT(middle, 1.5 * border);
}

TEST(Glyphs, SineOfTurns) {
  for (int i = -400; i <= 400; ++i) {
    const double t = i / 97.0;
    EXPECT_NEAR(sin_turns(t), std::sin(6.283185307179586 * t), 1e-7) << t;
    EXPECT_NEAR(cos_turns(t), std::cos(6.283185307179586 * t), 1e-7) << t;
  }
}

TEST(Glyphs, GaussianHasUnitVariance) {
  GlyphRandom random(5);
  double sum = 0, sum2 = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double g = random.gaussian();
    sum += g;
    sum2 += g * g;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(sum2 / kDraws, 1, 0.02);
}

}  // namespace
}  // namespace lowbit::data
