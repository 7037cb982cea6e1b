// SPDX-License-Identifier: Apache-2.0
#include "data/wav_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <span>

#include "core/file_io.h"
#include "data/little_endian.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

constexpr std::uint32_t kRiff = 0x46464952, kWave = 0x45564157, kFormat = 0x20746d66, kData = 0x61746164;
constexpr std::uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xfffe;
constexpr std::size_t kFormatBytes = 16, kSubformatAt = 24;

}  // namespace

WavFile::WavFile(const std::string& path) : bytes_(read_file(path)) {
  const std::span<const std::byte> file(bytes_);
  const auto corrupt = [&](const char* what) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{} {}", path, what));
  };
  if (file.size() < 12 || load_u32(file, 0) != kRiff || load_u32(file, 8) != kWave)
    corrupt("is not a RIFF .wav file");
  std::uint16_t coding = 0;
  for (std::size_t at = 12; file.size() - at >= 8;) {
    const std::uint32_t id = load_u32(file, at), claimed = load_u32(file, at + 4);
    at += 8;
    // A recorder that is stopped hard leaves 0 or the largest number as the size of its data.
    const bool is_open = id == kData && (claimed == 0 || claimed == 0xffffffff);
    const std::size_t size = is_open ? file.size() - at : claimed;
    if (size > file.size() - at) corrupt("is cut short");
    if (id == kFormat) {
      if (size < kFormatBytes) corrupt("has a format that is cut short");
      coding = load_u16(file, at);
      channels_ = load_u16(file, at + 2);
      rate_ = load_u32(file, at + 4);
      element_bytes_ = (load_u16(file, at + 14) + std::size_t{7}) / 8;
      if (coding == kExtensible && size >= kSubformatAt + 2) coding = load_u16(file, at + kSubformatAt);
    } else if (id == kData) {
      data_ = at;
      frames_ = static_cast<std::int64_t>(size);  // bytes, so far
      break;
    }
    at += std::min(size + size % 2, file.size() - at);
  }
  if (channels_ == 0 || rate_ == 0 || element_bytes_ == 0) corrupt("has no format");
  if (data_ == 0) corrupt("has no sound");
  floats_ = coding == kFloat;
  const bool known =
      floats_ ? element_bytes_ == 4 || element_bytes_ == 8 : coding == kPcm && element_bytes_ <= 4;
  if (!known)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{} is coded by format {} with {} bits; lowbit reads PCM of 8 to 32 bits and floats",
                    path, coding, element_bytes_ * 8));
  frames_ /= static_cast<std::int64_t>(element_bytes_) * channels_;
}

float WavFile::element(std::size_t at) const {
  const std::span<const std::byte> file(bytes_);
  if (floats_) {
    if (element_bytes_ == 4) return std::bit_cast<float>(load_u32(file, at));
    return static_cast<float>(std::bit_cast<double>(load_u64(file, at)));
  }
  // Bytes are unsigned, wider integers signed.
  if (element_bytes_ == 1) return static_cast<float>(static_cast<int>(file[at]) - 128) / 128.0f;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < element_bytes_; ++i)
    bits |= static_cast<std::uint32_t>(file[at + i]) << (8 * (4 - element_bytes_ + i));
  return static_cast<float>(static_cast<double>(static_cast<std::int32_t>(bits)) / 2147483648.0);
}

float WavFile::sample(std::int64_t frame) const {
  double sum = 0;
  const auto channels = static_cast<std::size_t>(channels_);
  for (std::size_t c = 0; c < channels; ++c)
    sum += static_cast<double>(
        element(data_ + (static_cast<std::size_t>(frame) * channels + c) * element_bytes_));
  return static_cast<float>(sum / static_cast<double>(channels));
}

}  // namespace lowbit::data
