// SPDX-License-Identifier: Apache-2.0
// Windows of the sounds in a folder of .wav files.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data/dataset_files.h"
#include "data/files_in.h"
#include "data/wav_file.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> wav_files(const std::string& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    throw Error(ErrorCode::not_found, fmt::format("wav:{} is no folder", folder));
  std::vector<std::string> paths = files_in(
      folder, [](const fs::path& path) { return path.extension() == ".wav" || path.extension() == ".WAV"; });
  if (paths.empty()) throw Error(ErrorCode::not_found, fmt::format("wav:{} has no .wav files", folder));
  return paths;
}

class WavFolder final : public Dataset {
 public:
  WavFolder(const std::string& folder, const Reading& reading, std::int64_t length)
      : length_(length), hop_(reading.hop.value_or(length)) {
    if (length < 1) throw Error(ErrorCode::shape_mismatch, "the model takes sounds of no samples");
    for (const std::string& path : wav_files(folder)) {
      WavFile file(path);
      const std::int64_t rate = reading.rate     ? *reading.rate
                                : files_.empty() ? file.rate()
                                                 : files_[0].rate();
      if (file.rate() != rate)
        throw Error(ErrorCode::unsupported,
                    fmt::format("{} has {} samples a second, not {}: convert it, lowbit does not resample",
                                path, file.rate(), rate));
      firsts_.push_back(count_);
      // What is left at the end is no window.
      if (file.frames() >= length) count_ += (file.frames() - length) / hop_ + 1;
      files_.push_back(std::move(file));
    }
    if (count_ == 0)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("wav:{} has no sound of {} samples, which the model takes", folder, length));
  }

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return {length_}; }
  bool has_labels() const override { return false; }
  std::optional<std::int64_t> label(std::int64_t) const override { return std::nullopt; }
  void read(std::int64_t index, std::span<float> out) const override {
    const auto first = std::upper_bound(firsts_.begin(), firsts_.end(), index) - 1;
    const WavFile& file = files_[static_cast<std::size_t>(first - firsts_.begin())];
    const std::int64_t start = (index - *first) * hop_;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = file.sample(start + static_cast<std::int64_t>(i));
  }

 private:
  std::int64_t length_, hop_, count_ = 0;
  std::vector<WavFile> files_;
  std::vector<std::int64_t> firsts_;  ///< windows before each file
};

}  // namespace

std::unique_ptr<Dataset> open_wav(const OpenRequest& request) {
  return std::make_unique<WavFolder>(request.spec.path, request.reading,
                                     request.inputs[0].type.shape.elements());
}

}  // namespace lowbit::data
