// SPDX-License-Identifier: Apache-2.0
// WavFile: the sound of a RIFF .wav file in memory, as floats of one channel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lowbit::data {

class WavFile {
 public:
  /// PCM of 8, 16, 24 or 32 bits, floats of 32 or 64; plain or WAVE_FORMAT_EXTENSIBLE. Throws as read_file,
  /// Error(corrupt_file), Error(unsupported) for other codings.
  explicit WavFile(const std::string& path);

  std::int64_t rate() const { return rate_; }  ///< samples a second
  std::int64_t frames() const { return frames_; }
  /// The mean of the channels. Integers are divided by 2^(bits - 1): from -1 up to less than 1. `frame` is
  /// below frames().
  float sample(std::int64_t frame) const;

 private:
  float element(std::size_t at) const;

  std::vector<std::byte> bytes_;
  std::size_t data_ = 0;           ///< where the first frame lies
  std::size_t element_bytes_ = 0;  ///< of one channel
  std::int64_t rate_ = 0, frames_ = 0, channels_ = 0;
  bool floats_ = false;
};

}  // namespace lowbit::data
