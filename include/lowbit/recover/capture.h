// SPDX-License-Identifier: Apache-2.0
// capture: runs a model on samples and keeps what its layers' inputs and outputs are like (layer_stats.h).
// Memory does not grow with the number of samples; capture_memory() says before running how much it is.
//
//   LayerStats stats = capture(fp32, batches, {.layers = {"conv*"}, .threads = 2});
//   std::vector<double> h = stats.layer("conv2").second_moment();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit {

struct CaptureOptions {
  /// Glob patterns (`*`, `?`): layers whose name matches one of them. Conv2d and Linear only.
  std::vector<std::string> layers{"*"};
  SecondMoments second_moments = SecondMoments::full;
  /// The same network in another form, partly quantized for example: it runs on the same samples, and the
  /// moments are also those between the inputs x of a layer here and its inputs y there, E[x y^T]. Codes
  /// count as the reals that they stand for (a dynamic layer's input is what it is before it is quantized).
  std::optional<Model> other{};
  /// With another model: what of it. For targets it is the fp32 original of this one.
  CrossMoments cross_moments = CrossMoments::inputs;
  /// Rows of one sample, at most, that the moments of inputs are of. A layer with more positions takes those
  /// whose (sample, position) has the lowest hashes.
  std::int64_t positions = 1024;
  std::int64_t sampled_rows = 256;  ///< kept of each layer; 0: none
  int threads = 1;
  std::string data{};  ///< what the samples are; only shards of the same data are merged
  /// The samples that are added are those of this shard, in order. It decides their numbers in the whole
  /// stream, which positions and rows are chosen by.
  StreamShard shard{};
  std::function<void(std::int64_t samples_done)> progress{};  ///< on the caller's thread
};

/// What a capture will take, in bytes.
struct CaptureMemory {
  struct Layer {
    std::string name;
    std::size_t stats = 0;  ///< LayerMoments::bytes() at the end
    std::size_t work = 0;   ///< while this layer's moments are summed up, all threads together
  };
  std::vector<Layer> layers;
  std::size_t values = 0;  ///< of the models on the samples that run at a time
  /// Stats of all layers, the values, and the largest work.
  std::size_t peak() const;
};
/// Throws as Capturer.
CaptureMemory capture_memory(const Model& model, const CaptureOptions& options = {});

/// Feeds batches one by one; `capture` is a loop over it.
class Capturer {
 public:
  /// Throws Error(invalid_argument) for patterns that match no layer, impossible numbers, or another model
  /// with other inputs, in which a layer is missing or has another shape, or that has no fp32 weights for
  /// targets. Models may be quantized.
  explicit Capturer(const Model& model, CaptureOptions options = {});
  Capturer(Capturer&&) noexcept;
  Capturer& operator=(Capturer&&) noexcept;
  ~Capturer();
  /// Any number of samples, which are run one by one, each on one thread: the result does not depend on how
  /// the stream was cut. Throws Error(shape_mismatch) when they do not fit the model's input,
  /// Error(invalid_argument) for more than 8,388,608 samples.
  void add(const TensorView& batch);
  /// The same for networks of several inputs or of integers: an array an input, in the order of the graph,
  /// each of as many samples. Throws as run() does for such arrays.
  void add(std::span<const arrays::ArrayView> batch);
  /// Of all that was added so far. Throws Error(invalid_argument) when that is nothing, or when a layer had
  /// no finite input or output, which is named.
  LayerStats finish();
  /// The same as a shard of the stream, to be stored and merged. It may be of nothing.
  LayerStats shard();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `batches`: any range of things that convert to TensorView, or to spans of arrays::ArrayView.
template <std::ranges::input_range Batches>
LayerStats capture(const Model& model, Batches&& batches, CaptureOptions options = {}) {
  Capturer capturer(model, std::move(options));
  for (const auto& batch : batches) capturer.add(batch);
  return capturer.finish();
}

}  // namespace lowbit
