// SPDX-License-Identifier: Apache-2.0
// MNIST's IDX files: a big-endian header, then one byte a pixel or label. yann.lecun.com/exdb/mnist
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>

#include "data/dataset_files.h"
#include "data/input_stream.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kImagesMagic = 0x00000803, kLabelsMagic = 0x00000801;

std::uint32_t read_big_endian(InputStream& in) {
  std::array<std::byte, 4> b;
  in.read(b);
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(b[i]); };
  return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

struct IdxData {
  std::vector<std::int64_t> dims;
  std::vector<std::byte> bytes;
};

IdxData read_idx(const std::string& path, std::uint32_t magic) {
  InputStream in(path);
  if (in.max_bytes() < 8 || read_big_endian(in) != magic)
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not an IDX file of {}", path,
                                                     magic == kImagesMagic ? "images" : "labels"));
  IdxData data;
  std::uint64_t elements = 1;
  const std::uint32_t rank = magic & 0xFF;
  for (std::uint32_t i = 0; i < rank; ++i) {
    const std::uint32_t dim = read_big_endian(in);
    data.dims.push_back(dim);
    // No product here passes 2^64: max_bytes is far below 2^32 times less than that.
    if (dim != 0 && elements > in.max_bytes() / dim)
      throw Error(ErrorCode::corrupt_file, fmt::format("{} claims {} elements, more than it can hold", path,
                                                       fmt::join(data.dims, "x")));
    elements *= dim;
  }
  if (elements == 0) throw Error(ErrorCode::corrupt_file, fmt::format("{} is empty", path));
  data.bytes.resize(static_cast<std::size_t>(elements));
  in.read(data.bytes);
  if (!in.at_end())
    throw Error(ErrorCode::corrupt_file, fmt::format("{} goes on after its last element", path));
  return data;
}

class IdxDataset final : public Dataset {
 public:
  IdxDataset(const std::string& images, const std::string& labels) : images_(read_idx(images, kImagesMagic)) {
    if (labels.empty()) return;
    labels_ = read_idx(labels, kLabelsMagic).bytes;
    if (labels_.size() != static_cast<std::size_t>(count()))
      throw Error(ErrorCode::shape_mismatch, fmt::format("{} has {} labels for the {} images of {}", labels,
                                                         labels_.size(), count(), images));
  }

  std::int64_t count() const override { return images_.dims[0]; }
  Shape sample_shape() const override { return {1, images_.dims[1], images_.dims[2]}; }
  bool has_labels() const override { return !labels_.empty(); }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    if (labels_.empty()) return std::nullopt;
    return static_cast<std::int64_t>(labels_[static_cast<std::size_t>(index)]);
  }
  void read(std::int64_t index, std::span<float> out) const override {
    const std::byte* pixels = images_.bytes.data() + static_cast<std::size_t>(index) * out.size();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(std::to_integer<int>(pixels[i]));
  }

 private:
  IdxData images_;
  std::vector<std::byte> labels_;
};

// The file as it is or with .gz; empty when there is neither.
std::string find_file(const std::string& folder, const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    const fs::path path = fs::path(folder) / (name + suffix);
    std::error_code failed;
    if (fs::is_regular_file(path, failed)) return path.string();
  }
  return {};
}

}  // namespace

std::unique_ptr<Dataset> open_idx(const std::string& images, const std::string& labels) {
  return std::make_unique<IdxDataset>(images, labels);
}

std::unique_ptr<Dataset> open_mnist(const std::string& folder, Split split) {
  std::vector<std::string> names;
  if (split == Split::evaluation) {
    names = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  } else {
    names = {"train-images-idx3-ubyte"};
  }
  std::vector<std::string> found, missing;
  for (const std::string& name : names) {
    found.push_back(find_file(folder, name));
    if (found.back().empty()) missing.push_back(name);
  }
  if (!missing.empty())
    throw Error(ErrorCode::not_found,
                fmt::format("mnist:{} lacks {} (plain or .gz)", folder, fmt::join(missing, " and ")));
  // Training needs the labels of its images, calibration does not.
  return open_idx(found[0], found.size() > 1 ? found[1] : find_file(folder, "train-labels-idx1-ubyte"));
}

}  // namespace lowbit::data
