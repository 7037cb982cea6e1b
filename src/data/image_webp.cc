// SPDX-License-Identifier: Apache-2.0
// WebP by libwebp.
#include <fmt/format.h>
#include <webp/decode.h>

#include "data/image.h"
#include "lowbit/core/error.h"

namespace lowbit::data {

Image decode_webp(std::span<const std::byte> file, const std::string& name) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(file.data());
  int width = 0, height = 0;
  if (!WebPGetInfo(bytes, file.size(), &width, &height))
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: the header of the image is damaged", name));
  Image image = make_image(height, width, 3, name);
  if (!WebPDecodeRGBInto(bytes, file.size(), image.pixels.data(), image.pixels.size(),
                         static_cast<int>(image.row_bytes())))
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: the image is damaged, cut short or an animation", name));
  return image;
}

}  // namespace lowbit::data
