// SPDX-License-Identifier: Apache-2.0
#include "core/file_io.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <random>
#include <set>
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

/// Where the links that start at `path` lead, whether or not there is something.
std::string end_of_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as the system's own limit
  fs::path end = path;
  std::error_code failed;
  for (int i = 0; fs::is_symlink(fs::symlink_status(end, failed)); ++i) {
    const fs::path next = fs::read_symlink(end, failed);
    if (failed || i == kMostLinks)
      throw Error(ErrorCode::io, fmt::format("cannot write {}: its links lead nowhere", path));
    end = next.is_absolute() ? next : end.parent_path() / next;
  }
  return end.string();
}

/// Names of the temporaries that are not committed yet.
class Temporaries {
 public:
  void add(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.insert(name);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.erase(name);
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names_) std::remove(name.c_str());
    names_.clear();
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

Temporaries& temporaries() {
  static Temporaries all;
  return all;
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

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  std::error_code failed;
  if (path_.empty() || fs::is_directory(path_, failed))
    throw Error(ErrorCode::io, fmt::format("cannot write \"{}\": it is not the name of a file", path_));
  target_ = end_of_links(path_);
  const fs::path folder = fs::path(target_).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, failed))
    throw Error(ErrorCode::not_found,
                fmt::format("cannot write {}: the folder {} does not exist", path_, folder.string()));
  const fs::file_status status = fs::status(target_, failed);
  if (!fs::exists(status) || fs::is_regular_file(status)) {
    temporary_ = temporary_name(target_);
    temporaries().add(temporary_);
  }
  file_ = std::fopen(temporary_.empty() ? target_.c_str() : temporary_.c_str(), "wb");
  if (!file_) {
    const int why = errno;
    temporaries().forget(temporary_);
    temporary_.clear();
    fail(std::strerror(why));
  }
  if (!temporary_.empty() && fs::exists(status)) fs::permissions(temporary_, status.permissions(), failed);
}

OutputFile OutputFile::standard_output() {
  OutputFile file;
  file.path_ = "standard output";
  file.file_ = stdout;
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::exchange(other.file_, nullptr)) {}

OutputFile::~OutputFile() {
  if (file_ && file_ != stdout) std::fclose(static_cast<std::FILE*>(file_));
  if (temporary_.empty()) return;
  std::remove(temporary_.c_str());
  temporaries().forget(temporary_);
}

void OutputFile::fail(const char* why) const {
  throw Error(ErrorCode::io, fmt::format("cannot write {}: {}", path_, why));
}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), static_cast<std::FILE*>(file_)) != bytes.size())
    fail(std::strerror(errno));
}

void OutputFile::close() {
  auto* file = static_cast<std::FILE*>(std::exchange(file_, nullptr));
  if ((file == stdout ? std::fflush(file) : std::fclose(file)) != 0) fail(std::strerror(errno));
}

void OutputFile::commit() {
  close();
  if (temporary_.empty()) return;
  std::error_code failed;
  fs::rename(temporary_, target_, failed);
  if (failed) fail(failed.message().c_str());
  temporaries().forget(temporary_);
  temporary_.clear();
}

void remove_temporaries() {
  temporaries().remove();
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace lowbit
