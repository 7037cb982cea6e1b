// SPDX-License-Identifier: Apache-2.0
// Small images inside of a page: PNG without compression, as a data URI. Needs no library of images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lowbit::report {

/// RFC 4648, with padding.
std::string base64(std::span<const std::uint8_t> bytes);

/// A PNG file (ISO/IEC 15948) of `channels` 1 (grey) or 3 (RGB) bytes a pixel, row by row; stored, not
/// deflated. `pixels` has width * height * channels of them.
std::string png_file(std::int64_t width, std::int64_t height, int channels,
                     std::span<const std::uint8_t> pixels);
/// "data:image/png;base64,..." of it.
std::string png_data_uri(std::int64_t width, std::int64_t height, int channels,
                         std::span<const std::uint8_t> pixels);

}  // namespace lowbit::report
