// SPDX-License-Identifier: Apache-2.0
// What a loader reads: a file or bytes in memory, at any offset, and a cursor that walks a part of it. A file
// is read, never mapped: what another process does to it meanwhile ends in Error(io) or in wrong bytes, which
// loaders expect anyway, where touching a mapping of a file that was cut short would end the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace lowbit {

class ByteSource {
 public:
  /// `bytes` must outlive it.
  explicit ByteSource(std::span<const std::byte> bytes) : bytes_(bytes), size_(bytes.size()) {}
  /// Throws as file_size, or Error(io).
  explicit ByteSource(const std::string& path);
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::uint64_t size() const { return size_; }
  /// Fills `out` from `offset` on. Throws Error(io) when the file does not give that many bytes. Not for two
  /// threads at once.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::span<const std::byte> bytes_;
  std::string path_;
  mutable std::ifstream file_;
  std::uint64_t size_ = 0;
};

/// Reads [at, end) of a source in order; small reads come from a buffer.
class SourceCursor {
 public:
  /// `end` must not be beyond the source's end.
  SourceCursor(const ByteSource& source, std::uint64_t at, std::uint64_t end)
      : source_(source), at_(at), end_(end) {}

  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return end_ - at_; }
  const ByteSource& source() const { return source_; }
  /// At most left() bytes, which is the caller's to check.
  void read(std::span<std::byte> out);
  void skip(std::uint64_t bytes) { at_ += bytes; }

 private:
  const ByteSource& source_;
  std::uint64_t at_, end_;
  std::uint64_t buffered_ = 0;  ///< offset of buffer_
  std::vector<std::byte> buffer_;
};

}  // namespace lowbit
