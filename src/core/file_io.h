// Whole files in and out. Writing goes through a temporary file and a rename, so that a file is complete or
// absent.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lowbit {

/// Throws Error(not_found) or Error(io) naming the path.
std::vector<std::byte> read_file(const std::string& path);
/// Throws Error(io) naming the path; leaves nothing behind then.
void write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace lowbit
