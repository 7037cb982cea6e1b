// SPDX-License-Identifier: Apache-2.0
// Images in a folder: PNG, JPEG or WebP files, with folders as classes or a labels.csv.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/file_io.h"
#include "data/csv_file.h"
#include "data/dataset_files.h"
#include "data/files_in.h"
#include "data/resize_image.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string path;
  std::optional<std::int64_t> label{};
};

bool is_image(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return end == ".png" || end == ".jpg" || end == ".jpeg" || end == ".webp";
}

/// The first of each class, then the second of each, ...: any first images are of all classes.
std::vector<Entry> from_classes(const std::vector<fs::path>& classes) {
  std::vector<std::vector<std::string>> files;
  std::size_t most = 0;
  for (const fs::path& folder : classes) {
    files.push_back(files_in(folder, is_image, true));
    most = std::max(most, files.back().size());
  }
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < most; ++i)
    for (std::size_t c = 0; c < files.size(); ++c)
      if (i < files[c].size()) entries.push_back({files[c][i], static_cast<std::int64_t>(c)});
  return entries;
}

/// Lines of a name and a label.
std::vector<Entry> from_table(const std::string& folder, const std::string& table) {
  CsvFile file(table);
  if (file.columns().size() != 2)
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} has {} columns, not two: file and label", table, file.columns().size()));
  std::vector<Entry> entries;
  for (std::vector<std::string> fields; file.next(fields);) {
    const char* end = fields[1].data() + fields[1].size();
    std::int64_t label = 0;
    const auto result = std::from_chars(fields[1].data(), end, label);
    if (result.ec != std::errc() || result.ptr != end)
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: \"{}\" is not a label, a whole number", file.place(1), fields[1]));
    const std::string path = (fs::path(folder) / fields[0]).string();
    std::error_code failed;
    if (!fs::is_regular_file(path, failed))
      throw Error(ErrorCode::not_found, fmt::format("{}: {} does not exist", file.place(0), path));
    entries.push_back({path, label});
  }
  return entries;
}

std::vector<Entry> find_entries(const std::string& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    throw Error(ErrorCode::not_found, fmt::format("images:{} is no folder", folder));
  const std::string table = (fs::path(folder) / "labels.csv").string();
  if (fs::is_regular_file(table, failed)) return from_table(folder, table);
  std::vector<fs::path> classes;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) classes.push_back(entry.path());
  std::sort(classes.begin(), classes.end());
  if (!classes.empty()) return from_classes(classes);
  std::vector<Entry> entries;
  for (const std::string& path : files_in(folder, is_image)) entries.push_back({path});
  return entries;
}

/// How an input has its pixels.
struct Layout {
  Sides sides;
  int channels = 1;
  bool channels_last = false;

  Shape shape() const {
    if (channels_last) return {sides.height, sides.width, channels};
    return {channels, sides.height, sides.width};
  }
};

Layout layout_of(const Shape& input) {
  std::vector<std::int64_t> dims(input.dims().begin(), input.dims().end());
  while (dims.size() > 3 && dims[0] == 1) dims.erase(dims.begin());
  const auto is_channels = [](std::int64_t size) { return size == 1 || size == 3; };
  if (dims.size() == 2) return {{dims[0], dims[1]}, 1, false};
  if (dims.size() == 3 && is_channels(dims[0])) return {{dims[1], dims[2]}, static_cast<int>(dims[0]), false};
  if (dims.size() == 3 && is_channels(dims[2])) return {{dims[0], dims[1]}, static_cast<int>(dims[2]), true};
  throw Error(ErrorCode::shape_mismatch,
              fmt::format("the model takes {}; images are C x H x W or H x W x C with 1 or 3 channels",
                          input.to_string()));
}

class ImageFolder final : public Dataset {
 public:
  explicit ImageFolder(const OpenRequest& request)
      : entries_(find_entries(request.spec.path)),
        layout_(layout_of(request.inputs[0].type.shape)),
        reading_(request.reading) {
    if (entries_.empty())
      throw Error(ErrorCode::not_found,
                  fmt::format("images:{} has no .png, .jpg, .jpeg or .webp files", request.spec.path));
    if (reading_.crop && !(*reading_.crop == layout_.sides))
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("--preprocess: crop={}x{}, but the model takes images of {} x {}",
                              reading_.crop->height, reading_.crop->width, layout_.sides.height,
                              layout_.sides.width));
  }

  std::int64_t count() const override { return static_cast<std::int64_t>(entries_.size()); }
  Shape sample_shape() const override { return layout_.shape(); }
  bool channels_last() const override { return layout_.channels_last; }
  bool has_labels() const override { return entries_[0].label.has_value(); }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    return entries_[static_cast<std::size_t>(index)].label;
  }
  void read(std::int64_t index, std::span<float> out) const override {
    const std::string& path = entries_[static_cast<std::size_t>(index)].path;
    Image image = with_channels(decode_image(read_file(path), path), layout_.channels);
    const Sides sides{image.height, image.width};
    const Sides size =
        reading_.resize ? resized_sides(sides, *reading_.resize) : covering_sides(sides, layout_.sides);
    require_image_size(size.height, size.width, path);
    put(crop_middle(resize(image, size), layout_.sides), out);
  }

 private:
  void put(const Image& image, std::span<float> out) const {
    const auto channels = static_cast<std::size_t>(layout_.channels);
    const std::size_t plane = out.size() / channels;
    for (std::size_t i = 0; i < plane; ++i)
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t from = reading_.bgr.value_or(false) ? channels - 1 - c : c;
        out[layout_.channels_last ? i * channels + c : c * plane + i] =
            static_cast<float>(image.pixels[i * channels + from]);
      }
  }

  std::vector<Entry> entries_;
  Layout layout_;
  Reading reading_;
};

}  // namespace

std::unique_ptr<Dataset> open_images(const OpenRequest& request) {
  return std::make_unique<ImageFolder>(request);
}

}  // namespace lowbit::data
