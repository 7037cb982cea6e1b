// SPDX-License-Identifier: Apache-2.0
// The bytes of small files, for tests to write.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/npy.h"
#ifdef LOWBIT_WITH_ZLIB
#include <zlib.h>
#endif

namespace lowbit::data {

/// Little-endian, of so many bytes.
inline std::string number_bytes(std::uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i, value >>= 8) bytes += static_cast<char>(value & 0xff);
  return bytes;
}

inline std::string npy_file(const Shape& shape, const std::vector<float>& values) {
  return npy_header(shape) + std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
}
inline std::string npy_integers(const Shape& shape, const std::vector<std::int64_t>& values) {
  return npy_header(shape, true) +
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * 8);
}

/// CRC-32 by its polynomial, a bit at a time.
inline std::uint32_t crc32_of(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

#ifdef LOWBIT_WITH_ZLIB
inline std::string deflated(const std::string& bytes) {
  std::string out(bytes.size() + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
#else
inline std::string deflated(const std::string& bytes) {
  return bytes;
}
#endif

/// A .zip of {name, bytes}. `packed` members are deflated. With `zip64` sizes stand in extra fields of 64
/// bits, as numpy.savez writes them.
inline std::string zip_file(const std::vector<std::pair<std::string, std::string>>& members,
                            bool packed = false, bool zip64 = false) {
  std::string file, directory;
  for (const auto& [name, bytes] : members) {
    const std::string data = packed ? deflated(bytes) : bytes;
    const std::string sizes = zip64 ? number_bytes(0xffffffff, 4) + number_bytes(0xffffffff, 4)
                                    : number_bytes(data.size(), 4) + number_bytes(bytes.size(), 4);
    const std::string extra = zip64 ? number_bytes(1, 2) + number_bytes(16, 2) +
                                          number_bytes(bytes.size(), 8) + number_bytes(data.size(), 8)
                                    : "";
    // Flags, method, time and date, checksum, sizes, lengths: the same in both places.
    const std::string common = number_bytes(0, 2) + number_bytes(packed ? 8 : 0, 2) + number_bytes(0, 4) +
                               number_bytes(crc32_of(bytes), 4) + sizes + number_bytes(name.size(), 2) +
                               number_bytes(extra.size(), 2);
    directory += "PK\1\2" + number_bytes(45, 2) + number_bytes(45, 2) + common + number_bytes(0, 10) +
                 number_bytes(file.size(), 4) + name + extra;
    file += "PK\3\4" + number_bytes(45, 2) + common + name + extra + data;
  }
  return file + directory + "PK\5\6" + number_bytes(0, 4) + number_bytes(members.size(), 2) +
         number_bytes(members.size(), 2) + number_bytes(directory.size(), 4) + number_bytes(file.size(), 4) +
         number_bytes(0, 2);
}

/// A .wav file of one channel or several: `coding` 1 is PCM, 3 floats.
inline std::string wav_file(int coding, int bits, int channels, int rate, const std::string& data) {
  const std::string format = "fmt " + number_bytes(16, 4) +
                             number_bytes(static_cast<std::uint64_t>(coding), 2) +
                             number_bytes(static_cast<std::uint64_t>(channels), 2) +
                             number_bytes(static_cast<std::uint64_t>(rate), 4) +
                             number_bytes(static_cast<std::uint64_t>(rate * channels * bits / 8), 4) +
                             number_bytes(static_cast<std::uint64_t>(channels * bits / 8), 2) +
                             number_bytes(static_cast<std::uint64_t>(bits), 2);
  // A chunk that readers pass over, of an odd size.
  const std::string other = "LIST" + number_bytes(3, 4) + std::string("abc\0", 4);
  const std::string body = "WAVE" + format + other + "data" + number_bytes(data.size(), 4) + data;
  return "RIFF" + number_bytes(body.size(), 4) + body;
}

}  // namespace lowbit::data
