// SPDX-License-Identifier: Apache-2.0
// The whole of a file, or of bytes in memory, as one span: for formats whose tensors are used where they lie.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "lowbit/core/file_access.h"

namespace lowbit {

/// A value; copies share what they hold.
class FileBytes {
 public:
  /// `bytes` must outlive it and its copies.
  explicit FileBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  /// Throws as file_size, or Error(io).
  FileBytes(const std::string& path, FileAccess access);

  std::span<const std::byte> all() const { return bytes_; }
  /// [offset, offset + size), which lies inside. Throws Error(io) where a mapped file was cut short since.
  std::span<const std::byte> part(std::size_t offset, std::size_t size) const;

 private:
  class Mapping;
  std::shared_ptr<const Mapping> mapping_;
  std::shared_ptr<const void> memory_;
  std::span<const std::byte> bytes_;
};

}  // namespace lowbit
