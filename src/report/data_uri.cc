// SPDX-License-Identifier: Apache-2.0
#include "report/data_uri.h"

#include <algorithm>
#include <array>

namespace lowbit::report {
namespace {

constexpr std::size_t kMostStored = 65535;  // bytes of a stored block of deflate

void put_u32(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 255u);
}

std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1u ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

std::uint32_t adler32(const std::string& bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<std::uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void put_chunk(std::string& out, const std::string& type, const std::string& data) {
  put_u32(out, static_cast<std::uint32_t>(data.size()));
  out += type + data;
  put_u32(out, crc32(type + data));
}

/// A zlib stream of stored blocks.
std::string stored(const std::string& bytes) {
  std::string out = "\x78\x01";
  for (std::size_t first = 0; first == 0 || first < bytes.size(); first += kMostStored) {
    const std::size_t size = std::min(kMostStored, bytes.size() - first);
    out += first + size >= bytes.size() ? '\1' : '\0';
    for (const std::size_t value : {size, ~size}) {
      out += static_cast<char>(value & 255u);
      out += static_cast<char>(value >> 8 & 255u);
    }
    out.append(bytes, first, size);
  }
  put_u32(out, adler32(bytes));
  return out;
}

}  // namespace

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr const char* kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kLetters[word >> (18 - 6 * k) & 63u] : '=';
  }
  return text;
}

std::string png_file(std::int64_t width, std::int64_t height, int channels,
                     std::span<const std::uint8_t> pixels) {
  std::string header;
  put_u32(header, static_cast<std::uint32_t>(width));
  put_u32(header, static_cast<std::uint32_t>(height));
  header += '\x08';                         // bits of a sample
  header += channels == 3 ? '\x02' : '\0';  // RGB or grey
  header.append(3, '\0');
  const auto row_bytes = static_cast<std::size_t>(width * channels);
  std::string rows;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    rows += '\0';  // no filter
    for (const std::uint8_t byte : pixels.subspan(y * row_bytes, row_bytes)) rows += static_cast<char>(byte);
  }
  std::string file = "\x89PNG\r\n\x1A\n";
  put_chunk(file, "IHDR", header);
  put_chunk(file, "IDAT", stored(rows));
  put_chunk(file, "IEND", "");
  return file;
}

std::string png_data_uri(std::int64_t width, std::int64_t height, int channels,
                         std::span<const std::uint8_t> pixels) {
  const std::string file = png_file(width, height, channels, pixels);
  return "data:image/png;base64," +
         base64(std::span(reinterpret_cast<const std::uint8_t*>(file.data()), file.size()));
}

}  // namespace lowbit::report
