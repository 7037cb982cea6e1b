// SPDX-License-Identifier: Apache-2.0
// LayerStats: what the inputs and outputs of a model's layers are like on calibration data, layer by layer;
// what weights are rounded, corrected and scaled by. capture.h makes it, docs/recovery.md explains it.
//
// Rows are what a layer multiplies its weight matrix by: the patches of a convolution (one at each position
// of the output; columns (kernel row, kernel column, channel) as weight_matrix() has them), the features of a
// Linear. A convolution of several groups has rows for each of them, and moments of each.
//
// Stats of shards of a stream are merged to those of the whole, byte for byte: sums are exact integers until
// they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/model/calibrate.h"

namespace lowbit {

/// What is kept of a layer's second moments E[x x^T].
enum class SecondMoments : std::uint8_t {
  none,
  diagonal,  ///< one number for each column
  full,      ///< a symmetric matrix for each group; 16 bytes for each element of its upper half
};

/// What is kept of the other model, beside this one's inputs x.
enum class CrossMoments : std::uint8_t {
  none,     ///< there is no other model
  inputs,   ///< the same layer's inputs y there
  targets,  ///< what the layer's products and bias here should add up to: what those of the original model
            ///< and its residual come to, less the residual here. A layer that reaches its targets makes good
            ///< all that was lost before it
};

/// A sample of rows. The same ones whatever the split: those whose (sample, position) has the lowest hashes.
struct SampledRows {
  std::int64_t count = 0;      ///< rows
  std::vector<float> x{};      ///< [count][groups][columns]
  std::vector<float> other{};  ///< the same rows in the other model, or [count][channels]
                               ///< targets; empty without one
  std::vector<std::int64_t> samples{}, positions{};  ///< where each comes from
};

/// The statistics of one layer. Moments are read as doubles, row-major, divided by counts. Reading throws
/// Error(invalid_argument) for what was not captured, or a group that does not exist.
class LayerMoments {
 public:
  const std::string& layer() const;
  std::int64_t groups() const;
  std::int64_t columns() const;       ///< of one group
  std::int64_t channels() const;      ///< of the output
  std::int64_t rows() const;          ///< that the moments of inputs are of
  std::int64_t skipped_rows() const;  ///< with a number that is not finite, here or in the other model
  std::int64_t positions() const;     ///< that the moments of outputs are of
  std::int64_t skipped_positions() const;
  SecondMoments second_moments() const;
  CrossMoments cross_moments() const;
  bool has_other() const { return cross_moments() == CrossMoments::inputs; }
  bool has_targets() const { return cross_moments() == CrossMoments::targets; }

  std::vector<double> input_mean() const;                           ///< E[x], [groups][columns]
  std::vector<double> input_squares() const;                        ///< E[x_c^2], [groups][columns]
  std::vector<double> second_moment(std::int64_t group = 0) const;  ///< E[x x^T], [columns][columns]
  std::vector<double> other_mean() const;  ///< E[y] of the same rows y in the other model
  /// E[x y^T], [columns of x][columns of y]; needs SecondMoments::full.
  std::vector<double> cross_moment(std::int64_t group = 0) const;
  std::vector<double> target_mean() const;     ///< E[t], [channels]
  std::vector<double> target_squares() const;  ///< E[t_o^2], [channels]
  /// E[t x^T], [channels][columns]: each channel with the columns of its group. Needs SecondMoments::full.
  std::vector<double> target_moment() const;
  /// Of what the node computes, its bias, residual and activation included, at all positions. [channels]
  std::vector<double> output_mean() const;
  std::vector<double> output_squares() const;  ///< E[out^2]
  SampledRows sampled_rows() const;            ///< in order of their hashes

  std::size_t bytes() const;

  struct State;
  explicit LayerMoments(std::shared_ptr<State> state) : state_(std::move(state)) {}
  State& state() const { return *state_; }

 private:
  std::shared_ptr<State> state_;
};

struct LayerStats {
  std::vector<LayerMoments> layers;  ///< in order of the graph
  std::int64_t samples = 0;
  std::uint64_t model = 0, other = 0;  ///< fingerprints; 0: no other model
  std::string data{};                  ///< CaptureOptions::data
  StreamShard shard{};
  std::string name{};  ///< the file that it came from; may be empty

  /// Throws Error(not_found) naming the layers that there are.
  const LayerMoments& layer(std::string_view name) const;
  std::size_t bytes() const;
};

/// All shards of one stream, in any order; the result is that of the whole stream, byte for byte. Throws
/// Error(invalid_argument), naming shards, when they are of different models, layers, options, data or
/// numbers of shards, and when a shard is missing, given twice or not captured to its end.
LayerStats merge_layer_stats(std::vector<LayerStats> shards);

std::vector<std::byte> save_to_bytes(const LayerStats& stats);
/// Writes to a temporary file beside `path` and renames it. Throws Error(io).
void save(const LayerStats& stats, const std::string& path);
/// Treats the bytes as hostile. Throws Error(corrupt_file), or Error(unsupported) for a newer version; `name`
/// stands in the sentence, and in those of merge_layer_stats().
LayerStats load_layer_stats(std::span<const std::byte> bytes, const std::string& name = {});
/// Throws Error(not_found) or Error(io), and as above.
LayerStats load_layer_stats(const std::string& path);

}  // namespace lowbit
