// SPDX-License-Identifier: Apache-2.0
#include "data/zip_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "core/file_io.h"
#include "data/deflate_limit.h"
#include "data/little_endian.h"
#include "lowbit/core/error.h"
#ifdef LOWBIT_WITH_ZLIB
#include <zlib.h>
#endif

namespace lowbit::data {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kMemberMagic = 0x04034b50, kDirectoryMagic = 0x02014b50, kEndMagic = 0x06054b50,
                        kEnd64Magic = 0x06064b50, kLocatorMagic = 0x07064b50;
constexpr std::size_t kMemberBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                      kLocatorBytes = 20;
constexpr std::uint16_t kStored = 0, kDeflated = 8, kEncrypted = 1, kZip64 = 1;
constexpr std::uint32_t kElsewhere = 0xffffffff;  // the number is a 64-bit one in an extra field

[[noreturn]] void corrupt(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", path, what));
}

struct Directory {
  std::uint64_t entries = 0, offset = 0;
};

// The end record lies at the end, before a comment of up to 65535 bytes.
std::size_t find_end(Bytes file, const std::string& path) {
  const std::size_t longest = kEndBytes + 0xffff;
  const std::size_t last = file.size() > longest ? file.size() - longest : 0;
  for (std::size_t at = file.size() < kEndBytes ? 0 : file.size() - kEndBytes + 1; at-- > last;)
    if (load_u32(file, at) == kEndMagic) return at;
  corrupt(path, "is not a .zip archive, or cut short: it has no directory");
}

Directory find_directory(Bytes file, const std::string& path) {
  const std::size_t end = find_end(file, path);
  Directory directory{load_u16(file, end + 10), load_u32(file, end + 16)};
  if (directory.entries != 0xffff && directory.offset != kElsewhere) return directory;
  if (end < kLocatorBytes || load_u32(file, end - kLocatorBytes) != kLocatorMagic) return directory;
  const std::uint64_t at = load_u64(file, end - kLocatorBytes + 8);
  if (file.size() < kEnd64Bytes || at > file.size() - kEnd64Bytes || load_u32(file, at) != kEnd64Magic)
    corrupt(path, "its directory of 64 bits is not where it should be");
  return {load_u64(file, at + 32), load_u64(file, at + 48)};
}

// Numbers that do not fit 32 bits, in the order of the fields that say so.
void read_zip64(Bytes extra, ZipFile::Member& member) {
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const std::size_t size = load_u16(extra, at + 2);
    if (size > extra.size() - at - 4) return;
    if (load_u16(extra, at) == kZip64) {
      const Bytes field = extra.subspan(at + 4, size);
      std::size_t used = 0;
      for (std::uint64_t* number : {&member.size, &member.packed, &member.header})
        if (*number == kElsewhere && used + 8 <= field.size()) {
          *number = load_u64(field, used);
          used += 8;
        }
      return;
    }
    at += 4 + size;
  }
}

std::string text_at(Bytes file, std::size_t at, std::size_t size) {
  return {reinterpret_cast<const char*>(file.data()) + at, size};
}

std::vector<ZipFile::Member> read_directory(Bytes file, const std::string& path) {
  const Directory directory = find_directory(file, path);
  std::vector<ZipFile::Member> members;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (file.size() < kEntryBytes || at > file.size() - kEntryBytes || load_u32(file, at) != kDirectoryMagic)
      corrupt(path, fmt::format("entry {} of its directory is damaged", i));
    const std::size_t name = load_u16(file, at + 28), extra = load_u16(file, at + 30),
                      comment = load_u16(file, at + 32);
    if (name + extra + comment > file.size() - at - kEntryBytes)
      corrupt(path, fmt::format("entry {} of its directory is cut short", i));
    ZipFile::Member member{.name = text_at(file, at + kEntryBytes, name),
                           .crc = load_u32(file, at + 16),
                           .method = load_u16(file, at + 10),
                           .packed = load_u32(file, at + 20),
                           .size = load_u32(file, at + 24),
                           .header = load_u32(file, at + 42)};
    if (load_u16(file, at + 8) & kEncrypted)
      throw Error(ErrorCode::unsupported, fmt::format("{}: {} is encrypted", path, member.name));
    read_zip64(file.subspan(at + kEntryBytes + name, extra), member);
    members.push_back(std::move(member));
    at += kEntryBytes + name + extra + comment;
  }
  return members;
}

// The bytes as they lie in the archive.
Bytes packed_bytes(Bytes file, const ZipFile::Member& member, const std::string& what) {
  if (file.size() < kMemberBytes || member.header > file.size() - kMemberBytes ||
      load_u32(file, member.header) != kMemberMagic)
    throw Error(ErrorCode::corrupt_file, what + " is not where the directory has it");
  const std::uint64_t left = file.size() - member.header - kMemberBytes;
  const std::uint64_t names = load_u16(file, member.header + 26) + load_u16(file, member.header + 28);
  if (names > left || member.packed > left - names)
    throw Error(ErrorCode::corrupt_file, what + " is cut short");
  return file.subspan(member.header + kMemberBytes + names, member.packed);
}

#ifdef LOWBIT_WITH_ZLIB
std::vector<std::byte> inflate_bytes(Bytes packed, std::uint64_t size, const std::string& what) {
  std::vector<std::byte> bytes(size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(ErrorCode::io, what + ": zlib does not start");
  // zlib counts in unsigned int.
  constexpr std::uint64_t kInflateAtOnce = std::uint64_t{1} << 30;
  std::uint64_t in = 0, out = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::uint64_t give = std::min(kInflateAtOnce, packed.size() - in),
                        room = std::min(kInflateAtOnce, size - out);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + in));
    stream.avail_in = static_cast<uInt>(give);
    std::byte none{};
    stream.next_out = reinterpret_cast<Bytef*>(size == 0 ? &none : bytes.data() + out);
    stream.avail_out = static_cast<uInt>(room);
    status = inflate(&stream, Z_NO_FLUSH);
    in += give - stream.avail_in;
    out += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || out != size)
    throw Error(ErrorCode::corrupt_file, what + ": its compression is damaged");
  return bytes;
}

void check_crc(Bytes bytes, std::uint32_t crc, const std::string& what) {
  if (crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != crc)
    throw Error(ErrorCode::corrupt_file, what + ": its checksum does not fit");
}
#else
std::vector<std::byte> inflate_bytes(Bytes, std::uint64_t, const std::string& what) {
  throw Error(ErrorCode::not_built,
              what + " is compressed and this build has no zlib; numpy.savez does not compress");
}
void check_crc(Bytes, std::uint32_t, const std::string&) {}
#endif

}  // namespace

ZipFile::ZipFile(const std::string& path)
    : path_(path), bytes_(read_file(path)), members_(read_directory(bytes_, path_)) {}

const ZipFile::Member* ZipFile::find(std::string_view name) const {
  const auto at =
      std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
  return at == members_.end() ? nullptr : &*at;
}

std::vector<std::byte> ZipFile::read(const Member& member) const {
  const std::string what = fmt::format("{} in {}", member.name, path_);
  const Bytes packed = packed_bytes(bytes_, member, what);
  std::vector<std::byte> bytes;
  if (member.method == kStored) {
    if (member.size != member.packed) throw Error(ErrorCode::corrupt_file, what + ": its sizes do not fit");
    bytes.assign(packed.begin(), packed.end());
  } else if (member.method == kDeflated) {
    if (member.size / kDeflateLimit > packed.size())
      throw Error(ErrorCode::corrupt_file, fmt::format("{} claims {} bytes, more than its {} can hold", what,
                                                       member.size, packed.size()));
    bytes = inflate_bytes(packed, member.size, what);
  } else {
    throw Error(ErrorCode::unsupported,
                fmt::format("{} is compressed by method {}; lowbit reads deflate", what, member.method));
  }
  check_crc(bytes, member.crc, what);
  return bytes;
}

}  // namespace lowbit::data
