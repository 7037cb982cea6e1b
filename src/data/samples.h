// SPDX-License-Identifier: Apache-2.0
// Samples: the chosen samples of a data set, preprocessed, in the order in which a model gets them, an array
// for each of its inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "data/dataset.h"
#include "data/preprocess.h"
#include "lowbit/core/array.h"
#include "lowbit/model/model.h"

namespace lowbit::data {

std::vector<InputType> inputs_of(const Model& model);
/// A batch of samples of such a shape; flattened where there is no dimension left for it.
Shape batch_of(const Shape& sample, std::int64_t count);

/// Samples one after the other, an array an input.
using SampleArrays = std::vector<arrays::Array>;
/// As the library takes them.
std::vector<arrays::ArrayView> views(const SampleArrays& arrays);

class Samples {
 public:
  /// Opens a split of what the options name; `wanted` and `seed` as in choose_images. With
  /// DataOptions::held_out, an evaluation has none of the samples that a calibration takes. Throws as
  /// parse_data_spec, open_dataset, parse_preprocess and require_channels; Error(invalid_argument) for
  /// options that the data has no use for, or when nothing is left.
  Samples(const DataOptions& options, Split split, std::vector<InputType> inputs, std::int64_t wanted,
          std::uint64_t seed);

  std::int64_t count() const { return static_cast<std::int64_t>(order_.size()); }
  /// How many the data has.
  std::int64_t available() const { return data_->count(); }
  /// With open dimensions as the data has them.
  const std::vector<InputType>& inputs() const { return inputs_; }
  /// Elements of a sample, all inputs together.
  std::int64_t elements() const;
  bool has_labels() const { return data_->has_labels(); }
  std::optional<std::int64_t> label(std::int64_t i) const {
    return data_->label(order_[static_cast<std::size_t>(i)]);
  }
  /// Samples first, first + step, ...: `count` of them. Arrays have the shape batch_of their inputs'.
  SampleArrays read(std::int64_t first, std::int64_t count, std::int64_t step = 1) const;

 private:
  std::unique_ptr<Dataset> data_;
  Preprocess preprocess_;
  std::vector<InputType> inputs_;
  std::vector<std::int64_t> order_;
};

}  // namespace lowbit::data
