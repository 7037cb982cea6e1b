// SPDX-License-Identifier: Apache-2.0
// Image: pixels of a picture, and the formats that become one: PNG, JPEG and WebP, each by its usual library
// where the build has that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/preprocess.h"

namespace lowbit::data {

/// Rows from the top, in each the pixels from the left, each of 1 (grey) or 3 (red, green, blue) bytes.
struct Image {
  std::int64_t height = 0, width = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels{};

  std::size_t row_bytes() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
};

/// Throws Error(corrupt_file) naming `name` for sizes that are none, or more than 2^26 pixels: what a small
/// file claims must not take all memory.
void require_image_size(std::int64_t height, std::int64_t width, const std::string& name);
/// An image of zeros. Throws as require_image_size.
Image make_image(std::int64_t height, std::int64_t width, int channels, const std::string& name);

/// The format is told by the first bytes. Transparency is left out, of 16 bits the upper 8 are kept, EXIF's
/// orientation is not followed, as in torchvision's loader. Throws Error(corrupt_file) for damage, also a
/// file that is cut short, Error(not_built) for a format whose library the build lacks, Error(unsupported)
/// for others.
Image decode_image(std::span<const std::byte> file, const std::string& name);

/// The decoders of one format each. Where a build lacks the library they throw Error(not_built).
Image decode_png(std::span<const std::byte> file, const std::string& name);
Image decode_jpeg(std::span<const std::byte> file, const std::string& name);
Image decode_webp(std::span<const std::byte> file, const std::string& name);

/// To 1 or 3 channels. Grey is (19595 red + 38470 green + 7471 blue + 2^15) / 2^16, Pillow's "L".
Image with_channels(const Image& image, int channels);

}  // namespace lowbit::data
