// SPDX-License-Identifier: Apache-2.0
#include "data/resize_image.h"

#include <algorithm>
#include <cmath>

namespace lowbit::data {
namespace {

constexpr int kWeightBits = 22;

/// Weights of neighbouring pixels that make an output pixel.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights{};
};

std::vector<Taps> bilinear_taps(std::int64_t size, std::int64_t new_size) {
  const double scale = static_cast<double>(size) / static_cast<double>(new_size);
  const double reach = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<std::size_t>(new_size));
  std::vector<double> weights;
  for (std::int64_t x = 0; x < new_size; ++x) {
    const double centre = (static_cast<double>(x) + 0.5) * scale;
    const auto first = static_cast<std::int64_t>(std::floor(std::max(centre - reach + 0.5, 0.0)));
    const auto last = std::min(static_cast<std::int64_t>(std::floor(centre + reach + 0.5)), size);
    weights.clear();
    double sum = 0;
    for (std::int64_t i = first; i < last; ++i) {
      const double distance = std::fabs((static_cast<double>(i) - centre + 0.5) * (1.0 / reach));
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    Taps& tap = taps[static_cast<std::size_t>(x)];
    tap.first = first;
    for (const double weight : weights)
      tap.weights.push_back(static_cast<std::int32_t>(
          std::floor(0.5 + (sum != 0.0 ? weight / sum : weight) * (1 << kWeightBits))));
  }
  return taps;
}

/// Sums of pixels `step` bytes apart.
std::uint8_t weighted(const Taps& taps, const std::uint8_t* pixels, std::size_t step) {
  std::int64_t sum = std::int64_t{1} << (kWeightBits - 1);
  const std::uint8_t* pixel = pixels + static_cast<std::size_t>(taps.first) * step;
  for (const std::int32_t weight : taps.weights) {
    sum += std::int64_t{weight} * *pixel;
    pixel += step;
  }
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> kWeightBits, 0, 255));
}

Image empty_like(const Image& image, std::int64_t height, std::int64_t width) {
  Image result{height, width, image.channels};
  result.pixels.resize(result.row_bytes() * static_cast<std::size_t>(height));
  return result;
}

Image resize_rows(const Image& image, std::int64_t width) {
  Image result = empty_like(image, image.height, width);
  const std::vector<Taps> taps = bilinear_taps(image.width, width);
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y)
    for (std::size_t x = 0; x < taps.size(); ++x)
      for (std::size_t c = 0; c < channels; ++c)
        result.pixels[y * result.row_bytes() + x * channels + c] =
            weighted(taps[x], image.pixels.data() + y * image.row_bytes() + c, channels);
  return result;
}

Image resize_columns(const Image& image, std::int64_t height) {
  Image result = empty_like(image, height, image.width);
  const std::vector<Taps> taps = bilinear_taps(image.height, height);
  for (std::size_t y = 0; y < taps.size(); ++y)
    for (std::size_t i = 0; i < image.row_bytes(); ++i)
      result.pixels[y * image.row_bytes() + i] =
          weighted(taps[y], image.pixels.data() + i, image.row_bytes());
  return result;
}

/// Of the first row or column that is kept; negative where edges are added.
std::int64_t crop_start(std::int64_t size, std::int64_t wanted) {
  if (size < wanted) return -((wanted - size) / 2);
  const std::int64_t left = size - wanted, half = left / 2;
  return half + (left % 2 != 0 && half % 2 != 0);
}

}  // namespace

Image resize(const Image& image, const Sides& size) {
  Image result = size.width == image.width ? image : resize_rows(image, size.width);
  return size.height == image.height ? result : resize_columns(result, size.height);
}

Sides resized_sides(const Sides& sides, const Sides& wanted) {
  if (wanted.height != 0) return wanted;
  const std::int64_t shorter = std::min(sides.height, sides.width);
  if (sides.height <= sides.width) return {wanted.width, wanted.width * sides.width / shorter};
  return {wanted.width * sides.height / shorter, wanted.width};
}

Sides covering_sides(const Sides& sides, const Sides& crop) {
  // Compared as products: crop.height / height against crop.width / width.
  if (crop.height * sides.width >= crop.width * sides.height)
    return {crop.height, std::max(crop.width, crop.height * sides.width / sides.height)};
  return {std::max(crop.height, crop.width * sides.height / sides.width), crop.width};
}

Image crop_middle(const Image& image, const Sides& size) {
  Image result = empty_like(image, size.height, size.width);
  const std::int64_t top = crop_start(image.height, size.height), left = crop_start(image.width, size.width);
  const std::int64_t first = std::max<std::int64_t>(0, -left),
                     last = std::min(size.width, image.width - left);
  const auto channels = static_cast<std::int64_t>(image.channels);
  for (std::int64_t y = 0; y < size.height; ++y) {
    if (y + top < 0 || y + top >= image.height) continue;
    const auto* from = image.pixels.data() + ((y + top) * image.width + first + left) * channels;
    std::copy_n(from, (last - first) * channels, result.pixels.data() + (y * size.width + first) * channels);
  }
  return result;
}

}  // namespace lowbit::data
