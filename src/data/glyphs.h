// SPDX-License-Identifier: Apache-2.0
// The data set that lowbit draws itself: images of the ten digits, made of strokes that are bent, rotated,
// sheared, blurred and covered with clutter and noise. It lets the command show a calibration and an accuracy
// with no download. Image i of a seed is a function of (seed, i) alone and has the same bits on every
// platform: the random numbers are integers, and the arithmetic is IEEE addition, multiplication, division
// and square root.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lowbit::data {

inline constexpr int kGlyphSide = 28;
inline constexpr int kGlyphPixels = kGlyphSide * kGlyphSide;
inline constexpr int kGlyphClasses = 10;

/// Seeds of the images that the demo network was trained on, and of the images that it has never seen.
inline constexpr std::uint64_t kGlyphTrainSeed = 1;
inline constexpr std::uint64_t kGlyphTestSeed = 2;

/// One channel, row by row from the top; each pixel is a multiple of 1/255 in [0, 1], ink near 1.
struct GlyphImage {
  std::array<float, kGlyphPixels> pixels{};
  int label = 0;
};

/// Labels are balanced: image i shows the digit i % 10.
constexpr int glyph_label(std::uint64_t index) {
  return static_cast<int>(index % kGlyphClasses);
}

/// Draws image `index` of `seed`.
GlyphImage draw_glyph(std::uint64_t seed, std::uint64_t index);

/// Draws images first, first + 1, ... one after the other into `pixels`, as many as whole images fit.
void draw_glyphs(std::uint64_t seed, std::uint64_t first, std::span<float> pixels);

}  // namespace lowbit::data
