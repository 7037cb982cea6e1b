// SPDX-License-Identifier: Apache-2.0
// CIFAR-10, binary version: records of one label byte and 3,072 pixel bytes, C x H x W.
// cs.toronto.edu/~kriz/cifar.html
#include <fmt/format.h>

#include <filesystem>

#include "core/file_io.h"
#include "data/dataset_files.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;
constexpr int kClasses = 10;

class Cifar10Dataset final : public Dataset {
 public:
  explicit Cifar10Dataset(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      const std::vector<std::byte> bytes = read_file(path);
      if (bytes.empty() || bytes.size() % kRecord != 0)
        throw Error(ErrorCode::corrupt_file,
                    fmt::format("{} has {} bytes, not a multiple of the {} of a CIFAR-10 image and its label",
                                path, bytes.size(), kRecord));
      for (std::size_t i = 0; i < bytes.size(); i += kRecord)
        if (std::to_integer<int>(bytes[i]) >= kClasses)
          throw Error(ErrorCode::corrupt_file,
                      fmt::format("{}: image {} has the label {}, not 0 to {}", path, i / kRecord,
                                  std::to_integer<int>(bytes[i]), kClasses - 1));
      records_.insert(records_.end(), bytes.begin(), bytes.end());
    }
  }

  std::int64_t count() const override { return static_cast<std::int64_t>(records_.size() / kRecord); }
  Shape sample_shape() const override { return {3, 32, 32}; }
  bool has_labels() const override { return true; }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    return std::to_integer<std::int64_t>(records_[static_cast<std::size_t>(index) * kRecord]);
  }
  void read(std::int64_t index, std::span<float> out) const override {
    const std::byte* pixels = records_.data() + static_cast<std::size_t>(index) * kRecord + 1;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(std::to_integer<int>(pixels[i]));
  }

 private:
  std::vector<std::byte> records_;
};

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const std::string& folder, Split split) {
  std::vector<std::string> names;
  if (split == Split::evaluation) {
    names = {"test_batch.bin"};
  } else {
    for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  }
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const fs::path path = fs::path(folder) / name;
    std::error_code failed;
    if (fs::is_regular_file(path, failed)) found.push_back(path.string());
    // Later training files are optional; the order of the images would change without the first.
    if (found.empty())
      throw Error(ErrorCode::not_found, fmt::format("cifar10:{} lacks {} (binary version)", folder, name));
  }
  return std::make_unique<Cifar10Dataset>(found);
}

}  // namespace lowbit::data
