// SPDX-License-Identifier: Apache-2.0
// A data set that has a label for each sample, or none at all, in memory.
#pragma once

#include <utility>
#include <vector>

#include "data/dataset.h"

namespace lowbit::data {

class LabelledDataset : public Dataset {
 public:
  bool has_labels() const override { return !labels_.empty(); }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    if (labels_.empty()) return std::nullopt;
    return labels_[static_cast<std::size_t>(index)];
  }
  /// As the first input, floats.
  void read(std::int64_t index, std::span<float> out) const override {
    read_input(0, index,
               {{ElementType::f32, Shape{static_cast<std::int64_t>(out.size())}}, out.data(), nullptr});
  }
  void read_input(std::size_t input, std::int64_t index,
                  const arrays::MutableArrayView& out) const override = 0;

 protected:
  void set_labels(std::vector<std::int64_t> labels) { labels_ = std::move(labels); }

 private:
  std::vector<std::int64_t> labels_;
};

}  // namespace lowbit::data
