// SPDX-License-Identifier: Apache-2.0
// What tape nodes share: forward passes by the step that inference runs, and writing gradients of inputs.
#pragma once

#include <cstdint>
#include <memory>

#include "layers/step_common.h"
#include "train/tape_node.h"

namespace lowbit::train {

/// Elements of a sample, without what lies behind the last pixel.
inline std::int64_t sample_elements(const ValueType& type) {
  const SampleLayout layout = type.layout();
  return layout.pixels() * layout.channels;
}

inline bool is_inside(const ops::Activation& a, float y) {
  return y > a.lo && y < a.hi;
}

/// Sets or adds value(i) for i from 0 to n - 1.
template <class Value>
void write_gradient(const InputGradient& g, std::int64_t sample, std::int64_t n, Value&& value) {
  float* to = g.to.sample<float>(sample);
  if (g.adds)
    for (std::int64_t i = 0; i < n; ++i) to[i] += value(i);
  else
    for (std::int64_t i = 0; i < n; ++i) to[i] = value(i);
}

/// Zeros, unless something is there to which is added.
inline void clear_unless_added(const InputGradient& g, std::int64_t sample, std::int64_t n) {
  if (g.adds) return;
  float* to = g.to.sample<float>(sample);
  for (std::int64_t i = 0; i < n; ++i) to[i] = 0.0f;
}

template <class Op>
class StepNode : public TapeNode {
 public:
  StepNode(const Op& op, const NodeSpec& spec)
      : op_(op),
        step_(ops::make_step(op_, spec.step())),
        step_scratch_(step_->scratch_bytes(spec.batch, spec.concurrency)) {}
  std::size_t scratch_bytes() const override { return step_scratch_; }
  void forward(const ForwardArgs& args) noexcept override {
    step_->run({.batch = args.batch,
                .inputs = args.inputs,
                .output = args.output,
                .scratch = args.scratch,
                .executor = args.executor});
  }

 protected:
  const Op op_;

 private:
  std::unique_ptr<ops::Step> step_;
  std::size_t step_scratch_;
};

}  // namespace lowbit::train
