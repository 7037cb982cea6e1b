// SPDX-License-Identifier: Apache-2.0
#include "model/staged_run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/copy_samples.h"
#include "model/sample_runner.h"
#include "model/tasks.h"

namespace lowbit {
namespace {

std::size_t index(ValueId id) {
  return static_cast<std::size_t>(id);
}

void copy(const ops::TensorArg& from, const ops::TensorArg& to) {
  std::memcpy(to.data, from.data, from.type->sample_bytes());
}

}  // namespace

StagedRun::StagedRun(std::vector<Model> models, std::shared_ptr<Executor> executor, std::size_t lane_bytes)
    : models_(std::move(models)),
      executor_(std::move(executor)),
      lane_bytes_(lane_bytes),
      done_(models_.size(), 0) {
  for (const Model& model : models_) last_uses_.push_back(last_uses(model.graph()));
}

void StagedRun::keep(Kept& kept, std::size_t m, ValueId id) const {
  const ValueType& type = models_[m].type(id);
  kept.memory[index(id)] = aligned_bytes(type.sample_bytes());
  kept.values[index(id)] = ops::TensorArg(kept.memory[index(id)].get(), &type);
}

template <class Put>
void StagedRun::add_sample(Put&& put) {
  Sample& sample = samples_.emplace_back(models_.size());
  for (std::size_t m = 0; m < models_.size(); ++m) {
    const Graph& graph = models_[m].graph();
    sample[m].memory.resize(graph.values.size());
    sample[m].values.resize(graph.values.size());
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
      keep(sample[m], m, graph.inputs[i]);
      put(i, sample[m].values[index(graph.inputs[i])]);
    }
  }
}

void StagedRun::add(const TensorView& batch) {
  const Graph& first = models_[0].graph();
  check_one_input(models_[0]);
  const std::int64_t count =
      check_batch(batch.shape, models_[0].input_shape(), first.values[index(first.inputs[0])].name);
  for (std::int64_t i = 0; i < count; ++i)
    add_sample(
        [&](std::size_t, const ops::TensorArg& value) { copy_in(slice_batch(batch, i, 1), value, 1); });
}

void StagedRun::add(std::span<const arrays::ArrayView> batch) {
  const std::int64_t count = check_inputs(models_[0], batch);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<arrays::ArrayView> sample = slice_batch(models_[0], batch, i, 1);
    add_sample([&](std::size_t input, const ops::TensorArg& value) { copy_in(sample[input], value, 1); });
  }
}

// Before `node` of model m.
void StagedRun::run(const ModelPart& part, Workspace::State& state, Kept& kept, std::size_t m,
                    std::size_t node) const {
  const Graph& graph = part.model.graph();
  for (std::size_t i = 0; i < part.inputs.size(); ++i)
    copy(kept.values[index(part.inputs[i])], state.args()[index(graph.inputs[i])]);
  run_steps(state, 1);
  for (std::size_t v = 0; v < kept.memory.size(); ++v)
    if (kept.memory[v] && last_uses_[m][v] < static_cast<int>(node)) {
      kept.memory[v].reset();
      kept.values[v] = {};
    }
  for (std::size_t i = 0; i < part.outputs.size(); ++i) {
    keep(kept, m, part.outputs[i]);
    copy(state.args()[index(graph.outputs[i])], kept.values[index(part.outputs[i])]);
  }
}

void StagedRun::advance(std::span<const std::size_t> nodes, std::span<const NodeChange> changes,
                        const Take& take) {
  std::vector<std::optional<ModelPart>> parts(models_.size());
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (nodes[m] > done_[m]) parts[m] = model_part(models_[m], done_[m], nodes[m], changes[m]);
    done_[m] = std::max(done_[m], nodes[m]);
  }
  const auto add_lane = [&] {
    Lane lane(models_.size());
    for (std::size_t m = 0; m < models_.size(); ++m)
      if (parts[m]) lane[m] = std::make_unique<Workspace::State>(parts[m]->model, WorkspaceOptions{}, false);
    return lane;
  };
  std::vector<Lane> lanes(1);
  lanes[0] = add_lane();
  std::size_t bytes = lane_bytes_;
  for (const auto& state : lanes[0]) bytes += state ? state->bytes : 0;
  const std::size_t most = std::min(
      SampleRunner::lanes(bytes, static_cast<std::size_t>(executor_->concurrency())), samples_.size());
  while (lanes.size() < most) lanes.push_back(add_lane());
  for (std::size_t first = 0; first < samples_.size(); first += most) {
    const std::size_t count = std::min(most, samples_.size() - first);
    run_tasks(*executor_, count * models_.size(), [&](std::size_t task) {
      const std::size_t m = task % models_.size(), i = task / models_.size();
      if (parts[m]) run(*parts[m], *lanes[i][m], samples_[first + i][m], m, nodes[m]);
    });
    take(first, count);
  }
}

std::size_t StagedRun::kept_bytes(const Model& model, std::span<const std::size_t> nodes) {
  const Graph& graph = model.graph();
  const std::vector<int> last = last_uses(graph);
  std::vector<int> made(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    made[index(graph.nodes[i].output)] = static_cast<int>(i);
  std::size_t most = 0;
  for (const std::size_t node : nodes) {
    std::size_t bytes = 0;
    for (std::size_t v = 0; v < made.size(); ++v)
      if (made[v] < static_cast<int>(node) && last[v] >= static_cast<int>(node))
        bytes += model.type(static_cast<ValueId>(v)).sample_bytes();
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace lowbit
