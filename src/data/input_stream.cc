// SPDX-License-Identifier: Apache-2.0
#include "data/input_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/file_io.h"
#include "data/deflate_limit.h"
#include "lowbit/core/error.h"
#ifdef LOWBIT_WITH_ZLIB
#include <zlib.h>
#endif

namespace lowbit::data {

#ifdef LOWBIT_WITH_ZLIB
/// Members of a gzip file (RFC 1952), one after the other. zlib's own gzread takes a file for whole whose
/// last bytes, the sums, are missing.
class InputStream::Inflater {
 public:
  explicit Inflater(const std::string& path) : path_(path), packed_(std::size_t{1} << 16) {
    constexpr int kGzip = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzip) != Z_OK)
      throw Error(ErrorCode::io, fmt::format("cannot read {}: zlib does not start", path));
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  /// At most `count` bytes; 0 at the end.
  std::size_t read_some(std::FILE* file, std::byte* to, std::size_t count) {
    for (;;) {
      if (stream_.avail_in == 0) {
        stream_.next_in = packed_.data();
        stream_.avail_in = static_cast<unsigned>(std::fread(packed_.data(), 1, packed_.size(), file));
      }
      if (stream_.avail_in == 0) {
        if (member_ended_) return 0;
        throw Error(ErrorCode::corrupt_file,
                    fmt::format("{} is truncated: its compressed data has no end", path_));
      }
      if (member_ended_) inflateReset(&stream_);
      const auto room = static_cast<unsigned>(std::min(count, kPiece));
      stream_.next_out = reinterpret_cast<Bytef*>(to);
      stream_.avail_out = room;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END)
        throw Error(ErrorCode::corrupt_file, fmt::format("the compression of {} is damaged", path_));
      member_ended_ = status == Z_STREAM_END;
      if (stream_.avail_out < room) return room - stream_.avail_out;
    }
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 20;  // zlib counts in unsigned int

  const std::string& path_;
  std::vector<Bytef> packed_;
  z_stream stream_{};
  bool member_ended_ = false;
};
#else
class InputStream::Inflater {
 public:
  explicit Inflater(const std::string& path) {
    throw Error(ErrorCode::not_built,
                fmt::format("{} is compressed and this build has no zlib; decompress it with gunzip", path));
  }
  std::size_t read_some(std::FILE*, std::byte*, std::size_t) { return 0; }
};
#endif

InputStream::InputStream(std::string path) : path_(std::move(path)) {
  const std::uint64_t size = file_size(path_);
  const bool compressed = read_prefix(path_, 2) == "\x1f\x8b";
  max_bytes_ = compressed ? size * kDeflateLimit : size;
  if (compressed) inflater_ = std::make_unique<Inflater>(path_);
  file_ = std::fopen(path_.c_str(), "rb");
  if (!file_) throw Error(ErrorCode::io, fmt::format("cannot open {}", path_));
}

InputStream::~InputStream() {
  std::fclose(static_cast<std::FILE*>(file_));
}

std::size_t InputStream::read_some(std::byte* to, std::size_t count) {
  auto* file = static_cast<std::FILE*>(file_);
  return inflater_ ? inflater_->read_some(file, to, count) : std::fread(to, 1, count, file);
}

void InputStream::read(std::span<std::byte> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t got = read_some(bytes.data() + done, bytes.size() - done);
    if (got == 0)
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{} is truncated: {} more bytes were expected", path_, bytes.size() - done));
    done += got;
  }
}

bool InputStream::at_end() {
  std::byte probe;
  return read_some(&probe, 1) == 0;
}

}  // namespace lowbit::data
