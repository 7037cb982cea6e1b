// SPDX-License-Identifier: Apache-2.0
// Operators that move elements. Where each element of the output comes from is found out once, by moving the
// numbers of the elements; gradients go back that way.
#include <fmt/format.h>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/error.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// The operator with numbers that no element has in the place of what it fills in itself.
ops::Op with_no_source(const ops::Op& op) {
  ops::Op copy = op;
  if (auto* pad = std::get_if<ops::PadOp>(&copy)) pad->value = -1.0f;
  return copy;
}

class MovementNode final : public StepNode<ops::Op> {
 public:
  MovementNode(const ops::Op& op, const NodeSpec& spec) : StepNode(op, spec) {
    std::int64_t total = 0;
    for (const ValueType* in : spec.inputs) {
      starts_.push_back(total);
      total += sample_elements(*in);
    }
    starts_.push_back(total);
    constexpr std::int64_t kExact = std::int64_t{1} << 24;  // numbers up to this are floats
    if (total > kExact)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("{}: samples of more than {} elements cannot be trained", ops::op_name(op), kExact));
    find_sources(op, spec);
  }

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::size_t i = args.input_gradients.size(); i-- > 0;) backward_input(args, i, s);
               });
  }

 private:
  void find_sources(const ops::Op& op, const NodeSpec& spec) {
    const ops::Op numbered = with_no_source(op);
    const std::unique_ptr<ops::Step> step = ops::make_step(numbered, spec.step());
    std::vector<AlignedBytes> memory;
    std::vector<ops::TensorArg> inputs;
    for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
      memory.push_back(aligned_bytes(spec.inputs[i]->sample_bytes() + 64));
      inputs.emplace_back(memory.back().get(), spec.inputs[i]);
      auto* numbers = inputs.back().sample<float>(0);
      for (std::int64_t e = starts_[i]; e < starts_[i + 1]; ++e)
        numbers[e - starts_[i]] = static_cast<float>(e);
    }
    const AlignedBytes out = aligned_bytes(spec.output->sample_bytes() + 64);
    const AlignedBytes scratch = aligned_bytes(step->scratch_bytes(1, 1) + 64);
    const ops::TensorArg output(out.get(), spec.output);
    step->run({.batch = 1,
               .inputs = inputs,
               .output = output,
               .scratch = scratch.get(),
               .executor = &serial_executor()});
    const auto* from = output.sample<const float>(0);
    for (std::int64_t i = 0; i < sample_elements(*spec.output); ++i)
      sources_.push_back(static_cast<std::int32_t>(from[i]));
  }

  void backward_input(const BackwardArgs& args, std::size_t i, std::int64_t s) const {
    const InputGradient& g = args.input_gradients[i];
    if (!g.is_wanted()) return;
    clear_unless_added(g, s, starts_[i + 1] - starts_[i]);
    const float* from = args.gradient.sample<const float>(s);
    float* to = g.to.sample<float>(s);
    for (std::size_t e = 0; e < sources_.size(); ++e)
      if (sources_[e] >= starts_[i] && sources_[e] < starts_[i + 1]) to[sources_[e] - starts_[i]] += from[e];
  }

  std::vector<std::int64_t> starts_;   ///< number of the first element of each input, and of all
  std::vector<std::int32_t> sources_;  ///< of each output element; -1: it is none of the input's
};

}  // namespace

std::unique_ptr<TapeNode> make_movement_node(const ops::Op& op, const NodeSpec& spec) {
  return std::make_unique<MovementNode>(op, spec);
}

}  // namespace lowbit::train
