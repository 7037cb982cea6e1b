#include "core/file_io.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "lowbit/core/error.h"

namespace lowbit {
namespace {

namespace fs = std::filesystem;

std::FILE* open_for_reading(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) throw Error(ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  return file;
}

// Another process may write the same output at the same time: the name must not depend on ours alone.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}.{:08x}-{}.tmp", path, std::random_device{}(), counter++);
}

}  // namespace

std::uint64_t file_size(const std::string& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status)) throw Error(ErrorCode::not_found, fmt::format("{} does not exist", path));
  if (fs::is_directory(status)) throw Error(ErrorCode::io, fmt::format("{} is a folder, not a file", path));
  if (!fs::is_regular_file(status)) throw Error(ErrorCode::io, fmt::format("{} is not a regular file", path));
  const std::uintmax_t size = fs::file_size(path, failed);
  if (failed) throw Error(ErrorCode::io, fmt::format("cannot read {}: {}", path, failed.message()));
  return size;
}

std::vector<std::byte> read_file(const std::string& path) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(file_size(path)));
  std::FILE* file = open_for_reading(path);
  const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  if (got != bytes.size()) throw Error(ErrorCode::io, fmt::format("cannot read all of {}", path));
  return bytes;
}

std::string read_prefix(const std::string& path, std::size_t count) {
  file_size(path);
  std::string bytes(count, '\0');
  std::FILE* file = open_for_reading(path);
  bytes.resize(std::fread(bytes.data(), 1, count, file));
  std::fclose(file);
  return bytes;
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  const fs::path folder = fs::path(path_).parent_path();
  std::error_code failed;
  if (!folder.empty() && !fs::is_directory(folder, failed))
    throw Error(ErrorCode::not_found,
                fmt::format("cannot write {}: the folder {} does not exist", path_, folder.string()));
  if (path_.empty() || fs::is_directory(path_, failed))
    throw Error(ErrorCode::io, fmt::format("cannot write \"{}\": it is not the name of a file", path_));
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (!file_) throw Error(ErrorCode::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::exchange(other.file_, nullptr)) {}

OutputFile::~OutputFile() {
  if (file_) std::fclose(static_cast<std::FILE*>(file_));
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), static_cast<std::FILE*>(file_)) != bytes.size())
    throw Error(ErrorCode::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
}

void OutputFile::commit() {
  if (std::fclose(static_cast<std::FILE*>(std::exchange(file_, nullptr))) != 0)
    throw Error(ErrorCode::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
  std::error_code failed;
  fs::rename(temporary_, path_, failed);
  if (failed) throw Error(ErrorCode::io, fmt::format("cannot write {}: {}", path_, failed.message()));
  temporary_.clear();
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace lowbit
