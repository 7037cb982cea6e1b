// SPDX-License-Identifier: Apache-2.0
// InputStream: bytes of a plain or gzip-compressed file, front to back, with a bound on how many there can
// be, so that a size in a header is checked before memory is taken for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace lowbit::data {

class InputStream {
 public:
  /// Throws as file_size; Error(not_built) for a gzip file in a build without zlib.
  explicit InputStream(std::string path);
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;
  ~InputStream();

  /// Fills `bytes`. Throws Error(corrupt_file) when the file ends before or its compression is damaged.
  void read(std::span<std::byte> bytes);
  /// Whether nothing is left.
  bool at_end();
  /// No more than so many bytes can come out of the whole file: its size, times what deflate can reach if
  /// compressed.
  std::uint64_t max_bytes() const { return max_bytes_; }
  const std::string& path() const { return path_; }

 private:
  class Inflater;

  std::size_t read_some(std::byte* to, std::size_t count);

  std::string path_;
  std::uint64_t max_bytes_ = 0;
  std::unique_ptr<Inflater> inflater_;  ///< of a compressed file
  void* file_ = nullptr;                // FILE*
};

}  // namespace lowbit::data
