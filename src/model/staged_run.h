// SPDX-License-Identifier: Apache-2.0
// StagedRun: takes samples through models stage by stage. Between stages only those values are kept that
// nodes still to come read, so that whoever goes from layer to layer runs each node once, not everything up
// to each layer. Each sample runs alone, on one thread, as in SampleRunner, and gives the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/view.h"
#include "lowbit/runtime/executor.h"
#include "model/model_part.h"
#include "model/workspace.h"

namespace lowbit {

class StagedRun {
 public:
  /// Models with the same inputs. `lane_bytes`: what a reader of one sample takes.
  StagedRun(std::vector<Model> models, std::shared_ptr<Executor> executor, std::size_t lane_bytes);
  /// Before the first stage. Throws Error(shape_mismatch) for a batch that does not fit.
  void add(const TensorView& batch);
  /// The same with an array an input. Throws as check_inputs.
  void add(std::span<const arrays::ArrayView> batch);
  std::size_t samples() const { return samples_.size(); }

  /// Samples [first, first + count) have come to the stage; their values may be read.
  using Take = std::function<void(std::size_t first, std::size_t count)>;
  /// Runs what comes before node `nodes[m]` of each model and has not run yet, its nodes after `changes[m]`.
  void advance(std::span<const std::size_t> nodes, std::span<const NodeChange> changes, const Take& take);
  /// Of model m: one a value of the graph, without data where no node still to come reads it.
  const std::vector<ops::TensorArg>& values(std::size_t sample, std::size_t m) const {
    return samples_[sample][m].values;
  }
  Executor& executor() const { return *executor_; }

  /// Bytes of the values of a sample that are kept before one of the nodes, the most of all of them.
  static std::size_t kept_bytes(const Model& model, std::span<const std::size_t> nodes);

 private:
  struct Kept {
    std::vector<AlignedBytes> memory{};  ///< one a value
    std::vector<ops::TensorArg> values{};
  };
  using Sample = std::vector<Kept>;  ///< one a model
  using Lane = std::vector<std::unique_ptr<Workspace::State>>;

  /// Room for a sample; calls put(input, its value) for the inputs of each model.
  template <class Put>
  void add_sample(Put&& put);
  void keep(Kept& kept, std::size_t m, ValueId id) const;
  void run(const ModelPart& part, Workspace::State& state, Kept& kept, std::size_t m, std::size_t node) const;

  std::vector<Model> models_;
  std::shared_ptr<Executor> executor_;
  std::size_t lane_bytes_;
  std::vector<std::vector<int>> last_uses_;  ///< one a model
  std::vector<std::size_t> done_;            ///< nodes of each model
  std::vector<Sample> samples_;
};

}  // namespace lowbit
