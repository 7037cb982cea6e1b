#include "data/input_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/file_io.h"
#include "data/deflate_limit.h"
#include "lowbit/core/error.h"
#ifdef LOWBIT_WITH_ZLIB
#include <zlib.h>
#endif

namespace lowbit::data {
namespace {

// zlib counts in unsigned int.
[[maybe_unused]] constexpr std::size_t kPiece = std::size_t{1} << 20;

}  // namespace

InputStream::InputStream(std::string path) : path_(std::move(path)) {
  const std::uint64_t size = file_size(path_);
  const bool compressed = read_prefix(path_, 2) == "\x1f\x8b";
  max_bytes_ = compressed ? size * kDeflateLimit : size;
#ifdef LOWBIT_WITH_ZLIB
  handle_ = gzopen(path_.c_str(), "rb");
#else
  if (compressed)
    throw Error(ErrorCode::not_built,
                fmt::format("{} is compressed and this build has no zlib; decompress it with gunzip", path_));
  handle_ = std::fopen(path_.c_str(), "rb");
#endif
  if (!handle_) throw Error(ErrorCode::io, fmt::format("cannot open {}", path_));
}

#ifdef LOWBIT_WITH_ZLIB
InputStream::~InputStream() {
  gzclose(static_cast<gzFile>(handle_));
}

std::size_t InputStream::read_some(std::byte* to, std::size_t count) {
  const int got = gzread(static_cast<gzFile>(handle_), to, static_cast<unsigned>(std::min(count, kPiece)));
  if (got < 0) throw Error(ErrorCode::corrupt_file, fmt::format("the compression of {} is damaged", path_));
  return static_cast<std::size_t>(got);
}
#else
InputStream::~InputStream() {
  std::fclose(static_cast<std::FILE*>(handle_));
}

std::size_t InputStream::read_some(std::byte* to, std::size_t count) {
  return std::fread(to, 1, count, static_cast<std::FILE*>(handle_));
}
#endif

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
