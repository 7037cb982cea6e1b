// SPDX-License-Identifier: Apache-2.0
// ZipFile: the members of a .zip archive in memory, stored or deflated; what a .npz file is. Format:
// APPNOTE.TXT of PKWARE. Encryption, several disks and other methods of compression are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit::data {

class ZipFile {
 public:
  struct Member {
    std::string name;
    std::uint32_t crc = 0;
    std::uint16_t method = 0;
    std::uint64_t packed = 0, size = 0;  ///< bytes, as the directory has them
    std::uint64_t header = 0;            ///< where its own header lies
  };

  /// Reads the directory. Throws as read_file, Error(corrupt_file) for what is no archive or a damaged one,
  /// Error(unsupported).
  explicit ZipFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<Member>& members() const { return members_; }
  /// Null where there is none of that name.
  const Member* find(std::string_view name) const;
  /// Its bytes. Memory is taken for no more than the archive can hold. Throws Error(corrupt_file), or
  /// Error(not_built) for a deflated one in a build without zlib.
  std::vector<std::byte> read(const Member& member) const;

 private:
  std::string path_;
  std::vector<std::byte> bytes_;
  std::vector<Member> members_;
};

}  // namespace lowbit::data
