// SPDX-License-Identifier: Apache-2.0
// SampleRunner: runs models on a stream of samples so that every value can be read afterwards; what a
// calibration and a capture have in common. Each sample runs alone, on one thread: FP32 products may round
// differently in another batch, and results must not depend on how the caller cut the stream. Threads take
// samples side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/runtime/executor.h"
#include "model/workspace.h"

namespace lowbit {

class SampleRunner {
 public:
  struct Options {
    int threads = 1;
    StreamShard shard{};
    std::size_t lane_bytes = 0;        ///< that the reader of a lane takes beside it
    const char* what = "calibration";  ///< for sentences
    /// How many nodes of each model run, from the first; values behind them are not to be read. Empty: all.
    std::vector<std::size_t> nodes{};
    bool any_sizes = false;  ///< whether `take` knows open dimensions at other sizes than the highest
    std::function<void(std::int64_t samples_done)> progress{};
  };
  /// `take(count)` reads lanes 0 to count - 1; the runner waits for it.
  using Take = std::function<void(std::size_t count)>;

  /// Models with the same inputs; all run on every sample. Throws Error(invalid_argument)
  /// for an impossible shard or number of threads.
  SampleRunner(std::vector<Model> models, Options options, Take take);

  /// Takes in all samples of `batch`; they run when there are enough for all threads. Throws
  /// Error(shape_mismatch) for a batch that does not fit, Error(invalid_argument) once `take` has thrown.
  void add(const TensorView& batch);
  /// The same with an array an input; returns how many samples that were. Throws as check_inputs.
  std::int64_t add(std::span<const arrays::ArrayView> batch);
  /// Runs those that wait.
  void flush();

  std::int64_t samples() const { return samples_; }  ///< that `take` has seen
  const Model& first_model() const { return models_[0]; }
  std::int64_t sample_elements() const { return models_[0].input_shape().elements(); }
  Executor& executor() const { return *executor_; }
  const StreamShard& shard() const { return options_.shard; }
  /// Values of model `m` on the sample of a lane, one ops::TensorArg a value. Valid inside `take`.
  const std::vector<ops::TensorArg>& values(std::size_t lane, std::size_t m) const {
    return lanes_[lane][m]->args();
  }
  /// The number of that sample in the whole stream, as the shard counts. Valid inside `take`.
  std::int64_t number(std::size_t lane) const {
    return options_.shard.index + (samples_ + static_cast<std::int64_t>(lane)) * options_.shard.count;
  }

  /// Bytes of a lane, and how many there will be.
  static std::size_t bytes_of_lane(const std::vector<Model>& models);
  static std::size_t lanes(std::size_t bytes_of_lane, std::size_t threads);

 private:
  using Lane = std::vector<std::unique_ptr<Workspace::State>>;  ///< one a model
  void add_lane();
  /// Calls put(model, its values) for a lane of each model, which is made ready for inputs of these shapes,
  /// then runs what waits if that is enough.
  template <class Put>
  void add_sample(std::span<const Shape> inputs, Put&& put);

  std::vector<Model> models_;
  Options options_;
  Take take_;
  std::shared_ptr<Executor> executor_;
  std::vector<Lane> lanes_;
  std::size_t most_pending_ = 0, pending_ = 0;  ///< lanes, and those that hold a sample which has not run
  bool failed_ = false;
  std::int64_t samples_ = 0;
};

}  // namespace lowbit
