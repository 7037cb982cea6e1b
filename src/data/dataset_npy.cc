// SPDX-License-Identifier: Apache-2.0
// Samples from .npy files: one file or a folder of them, each a sample or a batch.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data/dataset_files.h"
#include "data/files_in.h"
#include "data/labelled_dataset.h"
#include "data/npy_samples.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

class NpyDataset final : public LabelledDataset {
 public:
  NpyDataset(const std::vector<std::string>& paths, const std::string& labels, const InputType& input) {
    for (const std::string& path : paths) {
      parts_.emplace_back(read_npy(path), input, path);
      if (!(parts_.back().input_shape() == parts_[0].input_shape()))
        throw Error(
            ErrorCode::shape_mismatch,
            fmt::format("npy: samples of {} are {}, those of {} {}", parts_[0].name(),
                        parts_[0].input_shape().to_string(), path, parts_.back().input_shape().to_string()));
      firsts_.push_back(count_);
      count_ += parts_.back().count();
    }
    if (count_ == 0) throw Error(ErrorCode::invalid_argument, "npy: there is not one sample in the data");
    if (!labels.empty()) set_labels(labels_of(read_npy(labels), count_, labels));
  }

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return parts_[0].sample_shape(); }
  std::optional<Shape> input_shape(std::size_t) const override { return parts_[0].input_shape(); }
  void read_input(std::size_t, std::int64_t index, const arrays::MutableArrayView& out) const override {
    const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), index) - 1;
    parts_[static_cast<std::size_t>(after - firsts_.begin())].read(index - *after, out);
  }

 private:
  std::vector<NpySamples> parts_;
  std::vector<std::int64_t> firsts_;  ///< samples before each part
  std::int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_npy(const OpenRequest& request) {
  const std::string& path = request.spec.path;
  std::vector<std::string> paths{path};
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    paths = files_in(path, [](const fs::path& file) { return file.extension() == ".npy"; });
    if (paths.empty()) throw Error(ErrorCode::not_found, fmt::format("npy:{} has no .npy files", path));
  }
  return std::make_unique<NpyDataset>(paths, request.spec.labels_path, request.inputs[0]);
}

}  // namespace lowbit::data
