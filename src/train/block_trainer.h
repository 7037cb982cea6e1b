// SPDX-License-Identifier: Apache-2.0
// Learns the codes of one block from what goes into it and what should come out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/train/block_reconstruction.h"
#include "train/graph_tape.h"

namespace lowbit::train {

/// A value of many samples, one after the other, as a tape keeps them.
class SampleValues {
 public:
  SampleValues() = default;
  /// Empty, with room for so many.
  SampleValues(const ValueType& type, std::int64_t count);

  std::int64_t count() const { return size_ == 0 ? 0 : std::int64_t(data_.size()) / size_; }
  std::int64_t size() const { return size_; }  ///< of a sample
  const float* sample(std::int64_t i) const { return data_.data() + i * size_; }
  /// `count` samples that lie like these, for GraphTape::run.
  TensorView view(const float* first, std::int64_t count) const;
  /// Samples first to first + count - 1.
  TensorView view(std::int64_t first, std::int64_t count) const { return view(sample(first), count); }
  void append(const TensorView& tape_value);

 private:
  Shape shape_{};
  std::int64_t size_ = 0;
  std::vector<float> data_;
};

/// What a tape makes of samples, `batch` at a time.
SampleValues run_samples(GraphTape& tape, const SampleValues& inputs, std::int64_t batch);

struct BlockData {
  SampleValues inputs, original_inputs, targets;
};

class BlockTrainer {
 public:
  /// All live as long. `rounded`: parameters of RoundedWeights.
  BlockTrainer(GraphTape& tape, const std::vector<std::string>& rounded, const BlockReconstruction& how);

  /// Leaves the parameters with the lower error on `held_out` in the tape, as codes: those that were there,
  /// or those that are learned. Returns whether these are.
  bool train(const BlockData& learned, const BlockData& held_out);
  /// Mean squared error of the codes, in that of the targets.
  double error(const BlockData& data);

 private:
  void take_batch(const BlockData& data);
  void set_gradient(const BlockData& data);

  GraphTape& tape_;
  const BlockReconstruction& how_;
  std::vector<Parameter> roundings_, others_;
  double scale_ = 1;  ///< of the squared error
  std::uint64_t random_;
  std::vector<std::int64_t> which_;
  std::vector<float> batch_;
};

}  // namespace lowbit::train
