// The memory plan behind a Workspace: where each value lies in one block, reusing the memory of values that
// nobody reads any more.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit {

namespace detail {
/// Byte offset of every value for `batch` samples, and the total. With `keep_all` no memory is shared, so
/// that every value can be read after a run (calibration).
struct MemoryPlan {
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;
};
MemoryPlan plan_memory(const ModelData& data, std::int64_t batch, bool keep_all);
}  // namespace detail

struct Workspace::State {
  State(const Model& m, const WorkspaceOptions& options, bool keep_all);

  Model model;  ///< keeps the steps alive
  std::int64_t batch;
  std::shared_ptr<Executor> executor;
  std::size_t bytes = 0;
  AlignedBytes values, scratch;
  std::vector<ops::TensorArg> args;                 ///< one per value
  std::vector<std::vector<ops::TensorArg>> inputs;  ///< one list per node
};

/// The part of run() between copying in and copying out: executes all steps, or the first `nodes` of them, on
/// `count` samples.
void run_steps(Workspace::State& state, std::int64_t count, std::size_t nodes = SIZE_MAX) noexcept;

}  // namespace lowbit
