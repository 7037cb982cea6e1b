// SPDX-License-Identifier: Apache-2.0
// What is written in parts: into memory, or to a file.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/file_io.h"

namespace lowbit {

using PartWriter = std::function<void(std::span<const std::byte>)>;

/// The parts that `write` gives to what it is called with, one behind the other.
inline std::vector<std::byte> joined_parts(const std::function<void(const PartWriter&)>& write) {
  std::vector<std::byte> all;
  write([&](std::span<const std::byte> part) { all.insert(all.end(), part.begin(), part.end()); });
  return all;
}

/// The same through an OutputFile.
inline void write_parts(const std::string& path, const std::function<void(const PartWriter&)>& write) {
  OutputFile file(path);
  write([&](std::span<const std::byte> part) { file.write(part); });
  file.commit();
}

}  // namespace lowbit
