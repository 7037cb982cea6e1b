// SPDX-License-Identifier: Apache-2.0
#include "train/graph_tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/copy_samples.h"

namespace lowbit::train {
namespace {

/// Samples as a tensor: channels lie last, their strides say so.
MutableTensorView as_tensor(const ops::TensorArg& arg, std::int64_t batch) {
  const Shape& s = arg.type->shape;
  const SampleLayout layout = arg.type->layout();
  MutableTensorView view(arg.sample<float>(0), with_batch(s, batch));
  view.strides[0] = layout.sample_stride;
  if (s.rank() == 3) {
    view.strides[1] = 1;
    view.strides[2] = layout.width * layout.pixel_stride;
    view.strides[3] = layout.pixel_stride;
  }
  return view;
}

/// Of all samples. Kernels may read 16 floats behind the last one.
std::size_t value_bytes(const ValueType& type, std::int64_t batch) {
  return static_cast<std::size_t>(batch) * type.sample_bytes() + 64;
}

}  // namespace

GraphTape::GraphTape(Graph graph, std::vector<ValueType> types, std::int64_t batch,
                     std::shared_ptr<Executor> executor, bool input_gradients, const MakeNode& make)
    : graph_(std::move(graph)), types_(std::move(types)), largest_(batch), executor_(std::move(executor)) {
  make_nodes(make, input_gradients);
  take_memory();
}

void GraphTape::make_nodes(const MakeNode& make, bool input_gradients) {
  std::vector<bool> trains;
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Graph::Node& node = graph_.nodes[n];
    NodeSpec spec;
    spec.name = node.name;
    for (const ValueId id : node.inputs) spec.inputs.push_back(&types_[index(id)]);
    spec.output = &types_[index(node.output)];
    spec.batch = largest_;
    spec.concurrency = executor_->concurrency();
    spec.isa = active_isa();
    nodes_.push_back(make(n, spec));
    std::vector<Parameter> own = nodes_.back()->parameters();
    trains.push_back(!own.empty());
    parameters_.insert(parameters_.end(), own.begin(), own.end());
    std::vector<TrainingState> kept = nodes_.back()->states();
    states_.insert(states_.end(), kept.begin(), kept.end());
    scratch_bytes_ = std::max(scratch_bytes_, nodes_.back()->scratch_bytes());
  }
  std::vector<std::size_t> sizes;
  for (const ValueType& type : types_) sizes.push_back(value_bytes(type, largest_));
  plan_ = plan_tape(graph_, trains, input_gradients, sizes);
}

void GraphTape::take_memory() {
  std::vector<std::size_t> offsets;
  for (const ValueType& type : types_) {
    offsets.push_back(value_bytes_);
    value_bytes_ += value_bytes(type, largest_);
  }
  value_memory_ = aligned_bytes(value_bytes_);
  gradient_memory_ = aligned_bytes(plan_.bytes);
  scratch_ = aligned_bytes(scratch_bytes_ + 64);
  for (std::size_t v = 0; v < types_.size(); ++v) {
    values_.emplace_back(value_memory_.get() + offsets[v], &types_[v]);
    gradients_.push_back(plan_.is_needed[v]
                             ? ops::TensorArg(gradient_memory_.get() + plan_.offsets[v], &types_[v])
                             : ops::TensorArg());
  }
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    inputs_.emplace_back(), writes_.emplace_back();
    for (std::size_t i = 0; i < graph_.nodes[n].inputs.size(); ++i) {
      const std::size_t v = index(graph_.nodes[n].inputs[i]);
      inputs_.back().push_back(values_[v]);
      writes_.back().push_back(plan_.runs_backward[n] && plan_.is_needed[v]
                                   ? InputGradient{gradients_[v], plan_.adds[n][i]}
                                   : InputGradient{});
    }
  }
}

/// Returns the number of samples.
std::int64_t GraphTape::check_inputs(std::span<const TensorView> given) const {
  if (given.size() != graph_.inputs.size())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the network has {} inputs, not {}", graph_.inputs.size(), given.size()));
  std::int64_t count = -1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const Graph::Value& value = graph_.values[index(graph_.inputs[i])];
    const std::int64_t samples = check_batch(as_batch(given[i], value.shape).shape, value.shape,
                                             fmt::format("input \"{}\"", value.name));
    if (count >= 0 && samples != count)
      throw Error(
          ErrorCode::shape_mismatch,
          fmt::format("input \"{}\": {} samples where another input has {}", value.name, samples, count));
    count = samples;
  }
  if (count < 1 || count > largest_)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a batch of {} does not fit the tape, which was made for 1 to {}", count, largest_));
  return count;
}

void GraphTape::run(std::span<const TensorView> given, Pass pass) {
  const std::int64_t count = check_inputs(given);
  const FloatEnvironmentGuard defaults;
  is_ready_ = false;
  batch_ = count;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t v = index(graph_.inputs[i]);
    copy_in(as_batch(given[i], types_[v].shape), values_[v], batch_);
  }
  for (std::size_t n = 0; n < nodes_.size(); ++n)
    nodes_[n]->forward({.batch = batch_,
                        .inputs = inputs_[n],
                        .output = values_[index(graph_.nodes[n].output)],
                        .scratch = scratch_.get(),
                        .executor = executor_.get(),
                        .pass = pass});
  for (const ValueId id : graph_.outputs)
    std::fill_n(gradients_[index(id)].data,
                static_cast<std::size_t>(batch_) * types_[index(id)].sample_bytes(), std::byte{0});
  is_ready_ = pass == Pass::training;
}

void GraphTape::backward() {
  if (!is_ready_)
    throw Error(ErrorCode::invalid_argument, "a backward pass needs a forward pass of its own before it");
  const FloatEnvironmentGuard defaults;
  is_ready_ = false;
  for (std::size_t n = nodes_.size(); n-- > 0;)
    if (plan_.runs_backward[n])
      nodes_[n]->backward({.batch = batch_,
                           .inputs = inputs_[n],
                           .output = values_[index(graph_.nodes[n].output)],
                           .gradient = gradients_[index(graph_.nodes[n].output)],
                           .input_gradients = writes_[n],
                           .scratch = scratch_.get(),
                           .executor = executor_.get()});
}

TensorView GraphTape::value(std::size_t v) const {
  return as_tensor(values_[v], batch_);
}

MutableTensorView GraphTape::output_gradient(std::size_t i) {
  return as_tensor(gradients_[index(graph_.outputs.at(i))], batch_);
}

TensorView GraphTape::input_gradient(std::size_t i) const {
  const ops::TensorArg& g = gradients_[index(graph_.inputs.at(i))];
  return g.data ? as_tensor(g, batch_) : TensorView();
}

std::size_t GraphTape::bytes() const {
  std::size_t sum = value_bytes_ + plan_.bytes + scratch_bytes_;
  for (const auto& node : nodes_) sum += node->bytes();
  return sum;
}

}  // namespace lowbit::train
