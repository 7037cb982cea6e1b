// SPDX-License-Identifier: Apache-2.0
#include "data/image.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 26, kMostSide = 65535;

bool has_at(std::span<const std::byte> file, std::size_t at, std::string_view text) {
  return file.size() >= at + text.size() && std::memcmp(file.data() + at, text.data(), text.size()) == 0;
}

}  // namespace

void require_image_size(std::int64_t height, std::int64_t width, const std::string& name) {
  if (height < 1 || width < 1 || height > kMostSide || width > kMostSide || height * width > kMostPixels)
    throw Error(ErrorCode::corrupt_file, fmt::format("{} has {} x {} pixels; lowbit takes up to {} in all",
                                                     name, width, height, kMostPixels));
}

Image make_image(std::int64_t height, std::int64_t width, int channels, const std::string& name) {
  require_image_size(height, width, name);
  Image image{height, width, channels};
  image.pixels.resize(image.row_bytes() * static_cast<std::size_t>(height));
  return image;
}

Image decode_image(std::span<const std::byte> file, const std::string& name) {
  if (has_at(file, 0, "\x89PNG\r\n\x1a\n")) return decode_png(file, name);
  if (has_at(file, 0, "\xff\xd8\xff")) return decode_jpeg(file, name);
  if (has_at(file, 0, "RIFF") && has_at(file, 8, "WEBP")) return decode_webp(file, name);
  throw Error(ErrorCode::unsupported, fmt::format("{} is no PNG, JPEG or WebP image", name));
}

Image with_channels(const Image& image, int channels) {
  if (image.channels == channels) return image;
  Image result{image.height, image.width, channels};
  const std::size_t count = static_cast<std::size_t>(image.height * image.width);
  result.pixels.resize(count * static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < count; ++i) {
    if (channels == 3) {
      for (std::size_t c = 0; c < 3; ++c) result.pixels[i * 3 + c] = image.pixels[i];
    } else {
      const std::uint8_t* rgb = image.pixels.data() + i * 3;
      result.pixels[i] =
          static_cast<std::uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
    }
  }
  return result;
}

#define LOWBIT_WITHOUT(function, library, package)                                                        \
  Image function(std::span<const std::byte>, const std::string& name) {                                   \
    throw Error(                                                                                          \
        ErrorCode::not_built,                                                                             \
        fmt::format("{}: this build has no {}; install {} and configure again", name, library, package)); \
  }
#ifndef LOWBIT_WITH_PNG
LOWBIT_WITHOUT(decode_png, "libpng", "libpng-dev")
#endif
#ifndef LOWBIT_WITH_JPEG
LOWBIT_WITHOUT(decode_jpeg, "libjpeg", "libjpeg-dev")
#endif
#ifndef LOWBIT_WITH_WEBP
LOWBIT_WITHOUT(decode_webp, "libwebp", "libwebp-dev")
#endif
#undef LOWBIT_WITHOUT

}  // namespace lowbit::data
