#include "model/envelope.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace lowbit::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "lowbit runs on little-endian machines only");

struct Header {
  std::array<unsigned char, 8> magic;
  std::uint32_t version;
  std::uint32_t checksum;  ///< CRC-32 of the payload
  std::uint64_t payload;   ///< bytes that follow
};
static_assert(sizeof(Header) == 24);

/// CRC-32 (ISO-HDLC, reflected 0x04C11DB7), as in zlib and PNG.
std::uint32_t crc32(std::span<const std::byte> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0u);
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t crc = ~0u;
  for (const std::byte b : bytes) crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(b)) & 255];
  return ~crc;
}

}  // namespace

std::vector<std::byte> seal(const FileKind& kind, std::span<const std::byte> payload) {
  const Header header{kind.magic, kind.version, crc32(payload), payload.size()};
  std::vector<std::byte> file(sizeof(Header) + payload.size());
  std::memcpy(file.data(), &header, sizeof(Header));
  if (!payload.empty()) std::memcpy(file.data() + sizeof(Header), payload.data(), payload.size());
  return file;
}

Opened open_sealed(const FileKind& kind, std::span<const std::byte> bytes, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorCode::corrupt_file, fmt::format("'{}' {}", name, why));
  };
  if (bytes.size() < kind.magic.size() ||
      std::memcmp(bytes.data(), kind.magic.data(), kind.magic.size()) != 0)
    throw refuse(fmt::format("is not {}", kind.description));
  if (bytes.size() < sizeof(Header)) throw refuse("is truncated");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(Header));
  if (header.version < kind.first_version || header.version > kind.version) {
    const std::string known = kind.first_version == kind.version
                                  ? fmt::format("version {}", kind.version)
                                  : fmt::format("versions {} to {}", kind.first_version, kind.version);
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' has format version {}, this lowbit reads {}", name, header.version, known));
  }
  const std::span<const std::byte> payload = bytes.subspan(sizeof(Header));
  if (payload.size() < header.payload) throw refuse("is truncated");
  if (payload.size() > header.payload) throw refuse("has bytes behind its end");
  if (crc32(payload) != header.checksum) throw refuse("is damaged: its checksum does not match");
  return {payload, header.version};
}

void blame_file(const Error& refused, const std::string& name) {
  const ErrorCode code =
      refused.code() == ErrorCode::unsupported ? ErrorCode::unsupported : ErrorCode::corrupt_file;
  const std::string sentence = refused.what(), quoted = fmt::format("'{}'", name);
  throw Error(code, sentence.find(quoted) != std::string::npos ? sentence : quoted + ": " + sentence);
}

}  // namespace lowbit::detail
