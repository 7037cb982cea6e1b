// SPDX-License-Identifier: Apache-2.0
#include "core/file_bytes.h"

#include <fmt/format.h>

#include <vector>

#include "core/file_io.h"
#include "lowbit/core/error.h"
#if defined(__unix__) || defined(__APPLE__)
#define LOWBIT_HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define LOWBIT_HAS_MMAP 0
#endif

namespace lowbit {

#if LOWBIT_HAS_MMAP
/// An open file and its pages.
class FileBytes::Mapping {
 public:
  explicit Mapping(const std::string& path) : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) throw Error(ErrorCode::io, fmt::format("cannot open {}", path));
    size_ = current_size();
    if (size_ == 0) return;
    pages_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_, 0);
    if (pages_ == MAP_FAILED) {
      ::close(file_);
      throw Error(ErrorCode::io, fmt::format("cannot map the {} bytes of {}", size_, path));
    }
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (size_ != 0) ::munmap(pages_, size_);
    ::close(file_);
  }

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(pages_), size_}; }
  void check(std::size_t end) const {
    if (const std::size_t now = current_size(); now < end)
      throw Error(ErrorCode::io, fmt::format("{} was cut short while it was open: it has {} bytes of {}",
                                             path_, now, size_));
  }

 private:
  std::size_t current_size() const {
    struct stat status {};
    return ::fstat(file_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
  }

  std::string path_;
  int file_;
  void* pages_ = nullptr;
  std::size_t size_ = 0;
};
#else
class FileBytes::Mapping {
 public:
  void check(std::size_t) const {}
};
#endif

FileBytes::FileBytes(const std::string& path, FileAccess access) {
  file_size(path);  // refuses what is no regular file
#if LOWBIT_HAS_MMAP
  if (access == FileAccess::mapped) {
    mapping_ = std::make_shared<const Mapping>(path);
    bytes_ = mapping_->bytes();
    return;
  }
#else
  static_cast<void>(access);
#endif
  auto memory = std::make_shared<const std::vector<std::byte>>(read_file(path));
  bytes_ = *memory;
  memory_ = std::move(memory);
}

std::span<const std::byte> FileBytes::part(std::size_t offset, std::size_t size) const {
  if (mapping_) mapping_->check(offset + size);
  return bytes_.subspan(offset, size);
}

}  // namespace lowbit
