// SPDX-License-Identifier: Apache-2.0
// Whole files into memory, and outputs that appear under their name only when they are complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// Size of a regular file. Throws Error(not_found) when there is none, Error(io) for a folder or another
/// special file.
std::uint64_t file_size(const std::string& path);
/// The whole file. Throws as file_size, or Error(io).
std::vector<std::byte> read_file(const std::string& path);
/// The first bytes, at most `count`; fewer from a shorter file. Throws as file_size, or Error(io).
std::string read_prefix(const std::string& path, std::size_t count);

/// A file that is written beside its final name and gets it with commit(); without commit() nothing stays
/// behind. A link stays one: what it leads to is replaced, and keeps its permissions. A device, a pipe or a
/// socket cannot be replaced: bytes go to it as they come.
class OutputFile {
 public:
  /// Creates the temporary. Throws Error(not_found) when the folder does not exist, Error(io) when it cannot
  /// be written or `path` is a folder.
  explicit OutputFile(std::string path);
  /// Bytes go to standard output as they come.
  static OutputFile standard_output();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// Appends. Throws Error(io).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Closes and renames. Throws Error(io).
  void commit();
  const std::string& path() const { return path_; }

 private:
  OutputFile() = default;
  [[noreturn]] void fail(const char* why) const;
  void close();

  std::string path_;
  std::string target_, temporary_;  // no temporary: what is written to is written through
  void* file_ = nullptr;            // FILE*
};

/// Removes what OutputFiles of this process have written and not committed: for a program that is about to
/// end without returning.
void remove_temporaries();

/// The whole of `bytes` through an OutputFile.
void write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace lowbit
