// SPDX-License-Identifier: Apache-2.0
#include "core/byte_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/file_io.h"
#include "lowbit/core/error.h"

namespace lowbit {

ByteSource::ByteSource(const std::string& path) : path_(path), size_(file_size(path)) {
  file_.open(path, std::ios::binary);
  if (!file_) throw Error(ErrorCode::io, fmt::format("cannot open {}", path));
}

void ByteSource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  if (path_.empty()) {
    std::memcpy(out.data(), bytes_.subspan(static_cast<std::size_t>(offset)).data(), out.size());
    return;
  }
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset));
  if (!file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size())))
    throw Error(ErrorCode::io, fmt::format("cannot read {} bytes at {} of {}", out.size(), offset, path_));
}

void SourceCursor::read(std::span<std::byte> out) {
  constexpr std::uint64_t kBuffer = 16 * 1024;
  if (out.size() >= kBuffer) {
    source_.read(at_, out);
  } else if (!out.empty()) {
    if (at_ < buffered_ || at_ + out.size() > buffered_ + buffer_.size()) {
      buffer_.resize(static_cast<std::size_t>(std::min(kBuffer, end_ - at_)));
      buffered_ = at_;
      source_.read(at_, buffer_);
    }
    std::memcpy(out.data(), buffer_.data() + (at_ - buffered_), out.size());
  }
  at_ += out.size();
}

}  // namespace lowbit
