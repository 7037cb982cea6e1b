// SPDX-License-Identifier: Apache-2.0
// TapeNode: one operator of a tape, forward and backward. Everything that is summed over the samples of a
// batch is summed over groups of them first; the groups follow from the number of samples alone, and are
// added in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/layers/ops.h"
#include "lowbit/layers/step.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/runtime/executor.h"
#include "lowbit/train/fake_quantization.h"
#include "lowbit/train/tape.h"

namespace lowbit::train {

class WeightQuantizer;

/// Groups of neighbouring samples, as even as possible.
struct SampleGroups {
  static constexpr std::int64_t kMost = 16;
  std::int64_t batch = 0, count = 0;

  explicit SampleGroups(std::int64_t samples) : batch(samples), count(samples < kMost ? samples : kMost) {}
  /// First sample of group i; of group `count` the number of samples.
  std::int64_t first(std::int64_t i) const { return batch * i / count; }
};

/// Calls body(group, first sample, last sample, task), tasks counting from 0 to the executor's concurrency: a
/// task has its own scratch memory.
template <class Body>
void for_groups(Executor& executor, std::int64_t batch, Body&& body) {
  const SampleGroups groups(batch);
  const std::int64_t tasks =
      executor.concurrency() < groups.count ? executor.concurrency() : std::int64_t{groups.count};
  const auto task = [&](int t) {
    for (std::int64_t i = groups.count * t / tasks; i < groups.count * (t + 1) / tasks; ++i)
      body(i, groups.first(i), groups.first(i + 1), t);
  };
  if (tasks <= 1)
    task(0);
  else
    executor.parallel_for(static_cast<int>(tasks), task);
}

enum class Pass : std::uint8_t { training, inference, adoption };

struct ForwardArgs {
  std::int64_t batch = 0;
  std::span<const ops::TensorArg> inputs{};
  ops::TensorArg output{};
  std::byte* scratch = nullptr;  ///< TapeNode::scratch_bytes(), 64-byte aligned
  Executor* executor = nullptr;
  Pass pass = Pass::training;
};

/// Where the gradient of an input goes. Nowhere where data is null.
struct InputGradient {
  ops::TensorArg to{};
  bool adds = false;  ///< to what is there; else that is overwritten

  bool is_wanted() const { return to.data != nullptr; }
};

struct BackwardArgs {
  std::int64_t batch = 0;
  std::span<const ops::TensorArg> inputs{};  ///< as they were in the forward pass
  ops::TensorArg output{};
  ops::TensorArg gradient{};  ///< of the output; may be destroyed
  std::span<const InputGradient> input_gradients{};
  std::byte* scratch = nullptr;
  Executor* executor = nullptr;
};

/// What a node is made from. All types are f32, but for the row numbers of an Embedding. They outlive it.
struct NodeSpec {
  std::string name{};
  std::vector<const ValueType*> inputs{};
  const ValueType* output = nullptr;
  std::int64_t batch = 0;  ///< the largest
  int concurrency = 1;
  Isa isa = Isa::scalar;
  bool batch_norm = false;  ///< of a convolution
  float epsilon = 1e-5f;
  bool is_frozen = false;
  const Scheme* scheme = nullptr;  ///< of a product whose weights become codes, else null
  FakeQuantization how{};
  bool tracks_oscillations = false;
  std::shared_ptr<WeightQuantizer> quantizer{};  ///< of such a product, in place of that of the scheme

  ops::StepSpec step() const { return {.inputs = inputs, .output = output, .isa = isa}; }
};

class TapeNode {
 public:
  virtual ~TapeNode() = default;
  virtual std::size_t scratch_bytes() const { return 0; }
  /// Of what it keeps from pass to pass.
  virtual std::size_t bytes() const { return 0; }
  virtual void forward(const ForwardArgs& args) noexcept = 0;
  /// Gradients of parameters are overwritten. Those of inputs are written from the last to the first: two may
  /// be one value.
  virtual void backward(const BackwardArgs& args) noexcept = 0;
  virtual std::vector<Parameter> parameters() { return {}; }
  virtual std::vector<TrainingState> states() { return {}; }
  virtual void set_momentum(double) {}
  virtual void set_oscillation_control(const OscillationControl&) {}
  /// Writes what the parameters are into the operator that the node was made from.
  virtual void update(ops::Op&) const {}
  /// Of a product whose weights become codes: those.
  virtual std::optional<QuantizedMatrix> codes() const { return std::nullopt; }
};

/// Of which kind a node is decides which of these makes it. They throw Error(unsupported) for a form of the
/// operator that has no gradient.
std::unique_ptr<TapeNode> make_node(const ops::Conv2dOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::LinearOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::ScaleShiftOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::LayerNormOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::EmbeddingOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::AddOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::ClampOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::FunctionOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::MaxPoolOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::AveragePoolOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::GlobalAveragePoolOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::SoftmaxOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::MatMulOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::AttentionOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::BinaryOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::ReduceOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::LrnOp& op, const NodeSpec& spec);
std::unique_ptr<TapeNode> make_node(const ops::RecurrentOp& op, const NodeSpec& spec);
/// Operators that move elements: Concat, Flatten, Reshape, Pad, Slice, Transpose.
std::unique_ptr<TapeNode> make_movement_node(const ops::Op& op, const NodeSpec& spec);
/// Whichever it is. Throws Error(unsupported) naming the node where its operator has no gradient.
std::unique_ptr<TapeNode> make_tape_node(const ops::Op& op, const NodeSpec& spec);

}  // namespace lowbit::train
