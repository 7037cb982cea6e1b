// Images: the chosen images of a data set, preprocessed, in the order in which a model gets them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/preprocess.h"

namespace lowbit::data {

class Images {
 public:
  /// Opens a split of the data; `wanted` and `seed` as in choose_images; an empty `preprocess` is the data's
  /// default. Throws as open_dataset, parse_preprocess and require_channels.
  Images(const DataSpec& spec, Split split, const std::string& preprocess, const Shape& input_shape,
         std::int64_t wanted, std::uint64_t seed);

  std::int64_t count() const { return static_cast<std::int64_t>(order_.size()); }
  /// How many the data has.
  std::int64_t available() const { return data_->count(); }
  /// Shape that the model takes; what is read has its elements.
  const Shape& shape() const { return shape_; }
  /// As the batch that a model runs on.
  Shape batch_shape(std::int64_t images) const;
  bool has_labels() const { return data_->has_labels(); }
  std::optional<std::int64_t> label(std::int64_t i) const {
    return data_->label(order_[static_cast<std::size_t>(i)]);
  }
  /// Images first, first + 1, ...: as many as `out` has room for.
  void read(std::int64_t first, std::span<float> out) const;

 private:
  std::unique_ptr<Dataset> data_;
  Preprocess preprocess_;
  Shape shape_;
  std::vector<std::int64_t> order_;
};

}  // namespace lowbit::data
