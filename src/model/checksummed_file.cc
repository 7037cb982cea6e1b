// SPDX-License-Identifier: Apache-2.0
#include "model/checksummed_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

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

/// CRC-32 (ISO-HDLC, reflected 0x04C11DB7), as in zlib and PNG: eight bytes at a time by eight tables, of
/// which table i says what a byte becomes with i zeros behind it.
class Crc32 {
 public:
  void add(std::span<const std::byte> bytes) {
    static const auto t = make_tables();
    const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, p += 8) {
      std::uint32_t low = 0, high = 0;
      std::memcpy(&low, p, 4), std::memcpy(&high, p + 4, 4);
      low ^= crc_;
      crc_ = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^
             t[3][high & 255] ^ t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
    }
    for (; left > 0; --left, ++p) crc_ = (crc_ >> 8) ^ t[0][(crc_ ^ *p) & 255];
  }
  std::uint32_t value() const { return ~crc_; }

 private:
  using Tables = std::array<std::array<std::uint32_t, 256>, 8>;
  static Tables make_tables() {
    Tables t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0u);
      t[0][i] = c;
    }
    for (std::size_t k = 1; k < 8; ++k)
      for (std::size_t i = 0; i < 256; ++i) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255];
    return t;
  }
  std::uint32_t crc_ = ~0u;
};

std::uint32_t crc32(std::span<const std::byte> bytes) {
  Crc32 crc;
  crc.add(bytes);
  return crc.value();
}

/// Of the rest of a file, which is not kept in memory.
std::uint32_t crc32(SourceCursor rest) {
  Crc32 crc;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(rest.left(), 256 * 1024)));
  while (rest.left() > 0) {
    const std::span<std::byte> now(
        piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(rest.left(), piece.size())));
    rest.read(now);
    crc.add(now);
  }
  return crc.value();
}

}  // namespace

std::vector<std::byte> seal(const FileKind& kind, std::span<const std::byte> payload) {
  const Header header{kind.magic, kind.version, crc32(payload), payload.size()};
  std::vector<std::byte> file(sizeof(Header) + payload.size());
  std::memcpy(file.data(), &header, sizeof(Header));
  if (!payload.empty()) std::memcpy(file.data() + sizeof(Header), payload.data(), payload.size());
  return file;
}

Opened open_sealed(const FileKind& kind, const ByteSource& source, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorCode::corrupt_file, fmt::format("'{}' {}", name, why));
  };
  SourceCursor payload(source, 0, source.size());
  Header header{};
  payload.read(std::as_writable_bytes(std::span(&header, 1))
                   .first(static_cast<std::size_t>(std::min<std::uint64_t>(sizeof(Header), source.size()))));
  if (header.magic != kind.magic) throw refuse(fmt::format("is not {}", kind.description));
  if (source.size() < sizeof(Header)) throw refuse("is truncated");
  if (header.version < kind.first_version || header.version > kind.version) {
    const std::string known = kind.first_version == kind.version
                                  ? fmt::format("version {}", kind.version)
                                  : fmt::format("versions {} to {}", kind.first_version, kind.version);
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' has format version {}, this lowbit reads {}", name, header.version, known));
  }
  if (payload.left() < header.payload) throw refuse("is truncated");
  if (payload.left() > header.payload) throw refuse("has bytes behind its end");
  if (crc32(payload) != header.checksum) throw refuse("is damaged: its checksum does not match");
  return {std::move(payload), header.version};
}

void blame_file(const Error& refused, const std::string& name) {
  const ErrorCode code =
      refused.code() == ErrorCode::unsupported ? ErrorCode::unsupported : ErrorCode::corrupt_file;
  const std::string sentence = refused.what(), quoted = fmt::format("'{}'", name);
  throw Error(code, sentence.find(quoted) != std::string::npos ? sentence : quoted + ": " + sentence);
}

}  // namespace lowbit::detail
