// SPDX-License-Identifier: Apache-2.0
// SampleSet: samples of a network in memory, an array for each of its inputs; what a calibration keeps of its
// stream, and a recovery works on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/model/model.h"

namespace lowbit {

struct SampleSet {
  /// In the order of the graph: each of shape count x elements, sample after sample.
  std::vector<arrays::Array> inputs{};
  std::int64_t count = 0;

  SampleSet() = default;
  /// Empty, for the inputs of that model.
  explicit SampleSet(const Model& model);

  /// Sample `i` of a batch for the only input, whatever its strides; where that has integers, the nearest.
  void append(const TensorView& batch, std::int64_t i);
  /// Of a batch that run() would take.
  void append(std::span<const arrays::ArrayView> batch, std::int64_t i);

  /// Samples first to first + number - 1, as models take them. Valid until samples are appended.
  std::vector<arrays::ArrayView> views(std::int64_t first, std::int64_t number) const;
  std::vector<arrays::ArrayView> views() const { return views(0, count); }
};

/// Of a sample in such a set.
std::size_t sample_bytes(const Model& model);

}  // namespace lowbit
