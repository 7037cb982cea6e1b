// Images from .npy files: one file or a folder of them, each an image or a batch of images.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data/dataset_files.h"
#include "data/npy.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

struct Part {
  NpyArray array;
  std::int64_t first, images;
};

Shape without_batch(const Shape& shape) {
  return Shape(shape.dims().subspan(1));
}

class NpyDataset final : public Dataset {
 public:
  NpyDataset(const std::vector<std::string>& paths, const std::string& labels, const Shape& input_shape) {
    for (const std::string& path : paths) add(path, input_shape);
    if (count_ == 0) throw Error(ErrorCode::invalid_argument, "npy: there is not one image in the data");
    if (!labels.empty()) read_labels(labels);
  }

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return sample_; }
  bool has_labels() const override { return !labels_.empty(); }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    if (labels_.empty()) return std::nullopt;
    return labels_[static_cast<std::size_t>(index)];
  }
  void read(std::int64_t index, std::span<float> out) const override {
    const auto after = std::upper_bound(parts_.begin(), parts_.end(), index,
                                        [](std::int64_t i, const Part& part) { return i < part.first; });
    const Part& part = *(after - 1);
    part.array.read((index - part.first) * static_cast<std::int64_t>(out.size()), out);
  }

 private:
  void add(const std::string& path, const Shape& input_shape) {
    NpyArray array = read_npy(path);
    const Shape& shape = array.shape();
    std::int64_t images = 1;
    Shape sample = shape;
    // An array that could be either is a batch.
    if (shape.rank() > 0 && shapes_fit(without_batch(shape), input_shape)) {
      images = shape[0];
      sample = without_batch(shape);
    } else if (!shapes_fit(shape, input_shape)) {
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{} has shape {}; the model takes images of shape {}, one or a batch", path,
                              shape.to_string(), input_shape.to_string()));
    }
    if (parts_.empty()) sample_ = sample;
    parts_.push_back({std::move(array), count_, images});
    count_ += images;
  }

  void read_labels(const std::string& path) {
    const NpyArray array = read_npy(path);
    if (!npy_type_is_integer(array.type()))
      throw Error(ErrorCode::unsupported, fmt::format("the labels in {} are not integers", path));
    const std::int64_t labels = array.shape().elements();
    if (labels != count_ || array.shape().rank() == 0 || array.shape()[0] != count_)
      throw Error(ErrorCode::shape_mismatch, fmt::format("{} has shape {}; the data has {} images", path,
                                                         array.shape().to_string(), count_));
    for (std::int64_t i = 0; i < labels; ++i) labels_.push_back(array.integer(i));
  }

  std::vector<Part> parts_;
  Shape sample_;
  std::int64_t count_ = 0;
  std::vector<std::int64_t> labels_;
};

}  // namespace

std::unique_ptr<Dataset> open_npy(const std::string& path, const std::string& labels,
                                  const Shape& input_shape) {
  std::vector<std::string> paths{path};
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    paths.clear();
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.is_regular_file() && entry.path().extension() == ".npy")
        paths.push_back(entry.path().string());
    if (paths.empty()) throw Error(ErrorCode::not_found, fmt::format("npy:{} has no .npy files", path));
    std::sort(paths.begin(), paths.end());
  }
  return std::make_unique<NpyDataset>(paths, labels, input_shape);
}

}  // namespace lowbit::data
