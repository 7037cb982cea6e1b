// SPDX-License-Identifier: Apache-2.0
// NpySamples: an array of NumPy as samples of what a model takes as an input.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/npy.h"
#include "lowbit/core/array.h"

namespace lowbit::data {

class NpySamples {
 public:
  /// One sample or a batch of them; an array that could be either is a batch. `name` is for messages. Throws
  /// Error(shape_mismatch) when the array is neither, Error(unsupported) for floats where `type` is of
  /// integers.
  NpySamples(NpyArray array, const InputType& input, std::string name);

  const std::string& name() const { return name_; }
  std::int64_t count() const { return count_; }
  /// As stored.
  const Shape& sample_shape() const { return sample_; }
  /// As the input of the model has it.
  const Shape& input_shape() const { return input_; }
  /// Samples first, first + 1, ...: as many as `out` has room for.
  void read(std::int64_t first, const arrays::MutableArrayView& out) const;

 private:
  NpyArray array_;
  std::string name_;
  Shape sample_, input_;
  std::int64_t count_ = 1;
};

/// One an input. Throws Error(invalid_argument) where there is no sample, Error(shape_mismatch) where not all
/// have as many.
void require_same_counts(std::span<const NpySamples> inputs);

class ZipFile;
/// The arrays of a .npz file for `inputs`, by their names. Throws Error(not_found) naming those that are
/// missing and those that there are; as NpySamples and require_same_counts.
std::vector<NpySamples> npz_inputs(const ZipFile& file, std::span<const InputType> inputs);
/// One of them. `what` says in the sentence what it should have been.
NpyArray npz_array(const ZipFile& file, const std::string& name, const std::string& what);

/// Labels of `count` samples. Throws Error(unsupported) for others than integers, Error(shape_mismatch) when
/// there are not as many.
std::vector<std::int64_t> labels_of(const NpyArray& array, std::int64_t count, const std::string& name);

}  // namespace lowbit::data
