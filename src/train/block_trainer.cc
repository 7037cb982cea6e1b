// SPDX-License-Identifier: Apache-2.0
#include "train/block_trainer.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "lowbit/train/optimizer.h"
#include "model/copy_samples.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

/// From 1 to 0.
double falling(double part) {
  return 0.5 * (1 + std::cos(3.14159265358979 * part));
}

std::vector<std::vector<float>> values_of(std::span<const Parameter> parameters) {
  std::vector<std::vector<float>> all;
  for (const Parameter& p : parameters) all.emplace_back(p.value.begin(), p.value.end());
  return all;
}

}  // namespace

SampleValues::SampleValues(const ValueType& type, std::int64_t count)
    : shape_(type.shape), size_(sample_elements(type)) {
  data_.reserve(static_cast<std::size_t>(count * size_));
}

TensorView SampleValues::view(const float* first, std::int64_t count) const {
  TensorView view(first, with_batch(shape_, count));
  view.strides[0] = size_;
  if (shape_.rank() == 3) {
    view.strides[1] = 1;
    view.strides[2] = shape_[2] * shape_[0];
    view.strides[3] = shape_[0];
  }
  return view;
}

void SampleValues::append(const TensorView& value) {
  for (std::int64_t i = 0; i < value.shape[0]; ++i) {
    const float* from = value.data + i * value.strides[0];
    data_.insert(data_.end(), from, from + size_);
  }
}

SampleValues run_samples(GraphTape& tape, const SampleValues& inputs, std::int64_t batch) {
  SampleValues outputs(tape.types()[static_cast<std::size_t>(tape.graph().outputs[0])], inputs.count());
  for (std::int64_t first = 0; first < inputs.count(); first += batch) {
    const TensorView view = inputs.view(first, std::min(batch, inputs.count() - first));
    tape.run(std::span(&view, 1), Pass::inference);
    outputs.append(tape.output());
  }
  return outputs;
}

BlockTrainer::BlockTrainer(GraphTape& tape, const std::vector<std::string>& rounded,
                           const BlockReconstruction& how)
    : tape_(tape), how_(how), random_(how.seed) {
  for (const Parameter& p : tape.parameters())
    if (p.kind == ParameterKind::bias || p.kind == ParameterKind::log_step)
      others_.push_back(p);
    else if (p.kind == ParameterKind::weight &&
             std::find(rounded.begin(), rounded.end(), p.name) != rounded.end())
      roundings_.push_back(p);
}

double BlockTrainer::error(const BlockData& data) {
  double miss = 0, signal = 0;
  for (std::int64_t first = 0; first < data.inputs.count(); first += how_.batch) {
    const std::int64_t count = std::min(how_.batch, data.inputs.count() - first);
    const TensorView view = data.inputs.view(first, count);
    tape_.run(std::span(&view, 1), Pass::inference);
    const TensorView y = tape_.output();
    for (std::int64_t i = 0; i < count; ++i) {
      const float *got = y.data + i * y.strides[0], *want = data.targets.sample(first + i);
      for (std::int64_t e = 0; e < data.targets.size(); ++e) {
        const double d = static_cast<double>(got[e]) - static_cast<double>(want[e]);
        miss += d * d;
        signal += static_cast<double>(want[e]) * static_cast<double>(want[e]);
      }
    }
  }
  return signal > 0 ? miss / signal : miss;
}

/// Samples in turn would come with the same neighbours again: each is drawn.
void BlockTrainer::take_batch(const BlockData& data) {
  const std::int64_t size = data.inputs.size(), count = std::min(how_.batch, data.inputs.count());
  batch_.resize(static_cast<std::size_t>(count * size));
  which_.clear();
  lowbit::detail::SplitMix64 numbers(random_);
  const auto part = static_cast<std::uint64_t>(how_.original_inputs * 65536);
  for (std::int64_t i = 0; i < count; ++i) {
    which_.push_back(
        static_cast<std::int64_t>(numbers.next() % static_cast<std::uint64_t>(data.inputs.count())));
    const float *ours = data.inputs.sample(which_.back()),
                *theirs = data.original_inputs.sample(which_.back());
    float* to = batch_.data() + i * size;
    for (std::int64_t e = 0; e < size;) {
      std::uint64_t bits = numbers.next();
      for (int k = 0; k < 4 && e < size; ++k, ++e, bits >>= 16)
        to[e] = (bits & 65535) < part ? theirs[e] : ours[e];
    }
  }
  random_ = numbers.next();
}

void BlockTrainer::set_gradient(const BlockData& data) {
  const TensorView y = tape_.output();
  const MutableTensorView g = tape_.output_gradient();
  const auto factor = static_cast<float>(2 * scale_ / static_cast<double>(which_.size()));
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const auto s = static_cast<std::int64_t>(i);
    const float *got = y.data + s * y.strides[0], *want = data.targets.sample(which_[i]);
    float* to = g.data + s * g.strides[0];
    for (std::int64_t e = 0; e < data.targets.size(); ++e) to[e] = factor * (got[e] - want[e]);
  }
}

bool BlockTrainer::train(const BlockData& learned, const BlockData& held_out) {
  const double before = error(held_out);
  const std::vector<std::vector<float>> start = values_of(tape_.parameters());
  double squares = 0;
  for (std::int64_t i = 0; i < learned.targets.count(); ++i)
    for (std::int64_t e = 0; e < learned.targets.size(); ++e)
      squares += static_cast<double>(learned.targets.sample(i)[e]) *
                 static_cast<double>(learned.targets.sample(i)[e]);
  const Shape& shape = tape_.types()[static_cast<std::size_t>(tape_.graph().outputs[0])].shape;
  // A sum over channels, a mean over samples and positions, in the mean square of the targets.
  scale_ = static_cast<double>(shape[0] * learned.targets.count()) / std::max(squares, 1e-30);
  Optimizer roundings(roundings_, {.kind = OptimizerKind::adam}),
      others(others_, {.kind = OptimizerKind::adam});
  for (std::int64_t i = 0; i < how_.iterations; ++i) {
    const double done = static_cast<double>(i) / static_cast<double>(how_.iterations);
    take_batch(learned);
    const TensorView view = learned.inputs.view(batch_.data(), static_cast<std::int64_t>(which_.size()));
    tape_.run(std::span(&view, 1), Pass::training);
    set_gradient(learned);
    tape_.backward();
    roundings.step(how_.rate * falling(done));
    others.step(how_.other_rate * falling(done));
  }
  if (error(held_out) < before) return true;
  for (std::size_t p = 0; p < start.size(); ++p)
    std::copy(start[p].begin(), start[p].end(), tape_.parameters()[p].value.begin());
  return false;
}

}  // namespace lowbit::train
