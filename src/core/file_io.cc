#include "core/file_io.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "lowbit/core/error.h"

namespace lowbit {
namespace fs = std::filesystem;

std::vector<std::byte> read_file(const std::string& path) {
  std::error_code problem;
  const fs::file_status status = fs::status(path, problem);
  if (!fs::exists(status)) throw Error(ErrorCode::not_found, fmt::format("'{}' does not exist", path));
  if (!fs::is_regular_file(status)) throw Error(ErrorCode::io, fmt::format("'{}' is not a file", path));
  const std::uintmax_t size = fs::file_size(path, problem);
  std::ifstream in(path, std::ios::binary);
  if (problem || !in) throw Error(ErrorCode::io, fmt::format("'{}' cannot be opened", path));
  std::vector<std::byte> bytes(size);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (static_cast<std::uintmax_t>(in.gcount()) != size)
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read to its end", path));
  return bytes;
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  static std::atomic<unsigned> counter{0};
  const auto stamp = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::string temporary = fmt::format("{}.{}-{}.tmp", path, stamp, counter++);
  std::error_code problem;
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) {
      fs::remove(temporary, problem);
      throw Error(ErrorCode::io, fmt::format("'{}' cannot be written", path));
    }
  }
  fs::rename(temporary, path, problem);
  if (problem) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be written: {}", path, problem.message()));
  }
}

}  // namespace lowbit
