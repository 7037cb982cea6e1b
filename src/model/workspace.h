// SPDX-License-Identifier: Apache-2.0
// The memory plan behind a Workspace: where each value lies in one block, reusing the memory of values that
// nobody reads any more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"
#include "model/compiled_model.h"

namespace lowbit {

namespace detail {
/// First and last node that touches a value; inputs live from before the first node, outputs past the last.
struct Lifetime {
  int first, last;
};
std::vector<Lifetime> lifetimes(const Graph& graph);  ///< one per value

/// Byte offset of every value for `batch` samples, and the total. With `keep_all` no memory is shared, so
/// that every value can be read after a run (calibration).
struct MemoryPlan {
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;
};
MemoryPlan plan_memory(const Graph& graph, const std::vector<ValueType>& types, std::int64_t batch,
                       bool keep_all);
}  // namespace detail

struct Workspace::State {
  State(const Model& m, const WorkspaceOptions& options, bool keep_all);

  /// Gets ready for these sizes of the open dimensions, which takes memory only where it has not seen them
  /// lately. Throws Error(invalid_argument) for larger ones than it was made for.
  void use(std::span<const std::int64_t> sizes);
  /// One per value, at the sizes in use.
  const std::vector<ops::TensorArg>& args() const { return now->args; }
  const std::vector<ValueType>& types() const { return now->steps->types; }

  /// The model at certain sizes, in the memory of this workspace.
  struct Sized {
    std::vector<std::int64_t> sizes{};
    const detail::CompiledSteps* steps = nullptr;  ///< of the model, or `own`
    std::optional<detail::CompiledSteps> own{};
    detail::MemoryPlan plan{};
    std::vector<ops::TensorArg> args{};                 ///< one per value
    std::vector<std::vector<ops::TensorArg>> inputs{};  ///< one list per node
    std::uint64_t used = 0;                             ///< when it was, last
  };

  Model model;  ///< keeps the steps alive
  std::int64_t batch;
  std::shared_ptr<Executor> executor;
  std::size_t bytes = 0;
  AlignedBytes values, scratch;
  Sized* now = nullptr;
  /// Per node that CompiledSteps::quantized_inputs has: floats that it reads at the caller's in the next run;
  /// no data: it reads its input.
  std::vector<ops::StridedFloats> outside{};
  bool keeps_all() const { return keep_all_; }
  /// Where a run leaves the nanoseconds of each node (profile.h); null: it reads no clock.
  std::uint64_t* node_ns = nullptr;

 private:
  static constexpr std::size_t kMostSeen = 32;
  std::unique_ptr<Sized> make_sized(std::span<const std::int64_t> sizes) const;
  void take_memory(const Sized& sized);
  void place(Sized& sized) const;

  bool keep_all_;
  std::vector<std::int64_t> largest_;
  std::vector<std::unique_ptr<Sized>> seen_;
  std::size_t value_bytes_ = 0, scratch_bytes_ = 0;
  std::uint64_t uses_ = 0;
};

/// The part of run() between copying in and copying out: executes all steps, or the first `nodes` of them, on
/// `count` samples.
void run_steps(Workspace::State& state, std::int64_t count, std::size_t nodes = SIZE_MAX) noexcept;

}  // namespace lowbit
