// SPDX-License-Identifier: Apache-2.0
// The frame around the binary files of lowbit: magic bytes, version, checksum and length of the payload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/byte_source.h"
#include "lowbit/core/error.h"

namespace lowbit::detail {

struct FileKind {
  std::array<unsigned char, 8> magic;
  std::uint32_t first_version, version;  ///< those that are read; the latter is written
  const char* description;               ///< "a .lowbit file"
};

std::vector<std::byte> seal(const FileKind& kind, std::span<const std::byte> payload);

struct Opened {
  SourceCursor payload;
  std::uint32_t version = 0;
};
/// Treats the bytes as hostile. Throws Error(corrupt_file), or Error(unsupported) for another version; `name`
/// stands in the sentence.
Opened open_sealed(const FileKind& kind, const ByteSource& source, const std::string& name);

/// Throws what was refused while reading a payload: the file is at fault, and its name goes in front.
[[noreturn]] void blame_file(const Error& refused, const std::string& name);

}  // namespace lowbit::detail
