// SPDX-License-Identifier: Apache-2.0
#include "data/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lowbit/core/error.h"
#include "model/copy_samples.h"

namespace lowbit::data {
namespace {

/// Those of `all` samples that a calibration does not take.
std::vector<std::int64_t> not_calibrated(std::int64_t all, const DataOptions& options) {
  std::vector<bool> taken(static_cast<std::size_t>(all));
  for (const std::int64_t i : choose_images(all, options.calib, options.seed))
    taken[static_cast<std::size_t>(i)] = true;
  std::vector<std::int64_t> left;
  for (std::int64_t i = 0; i < all; ++i)
    if (!taken[static_cast<std::size_t>(i)]) left.push_back(i);
  if (left.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--held-out: calibration takes all {} samples (--calib)", all));
  return left;
}

}  // namespace

std::vector<InputType> inputs_of(const Model& model) {
  std::vector<InputType> inputs;
  for (const ValueId id : model.graph().inputs) {
    const Graph::Value& value = model.graph().values[static_cast<std::size_t>(id)];
    InputType& input = inputs.emplace_back(InputType{value.name, {value.element, value.shape}});
    if (model.graph().open.empty()) continue;
    for (const SizeRule& rule : model.graph().input_rules[inputs.size() - 1])
      input.open.push_back(std::ranges::any_of(rule.factors, [](std::int64_t f) { return f != 0; }));
  }
  return inputs;
}

Shape batch_of(const Shape& sample, std::int64_t count) {
  return sample.rank() < Shape::kMaxRank ? with_batch(sample, count) : Shape{count, sample.elements()};
}

std::vector<arrays::ArrayView> views(const SampleArrays& arrays) {
  std::vector<arrays::ArrayView> views;
  for (const arrays::Array& array : arrays) views.push_back(array.view());
  return views;
}

Samples::Samples(const DataOptions& options, Split split, std::vector<InputType> inputs, std::int64_t wanted,
                 std::uint64_t seed)
    : inputs_(std::move(inputs)) {
  const DataSpec spec = parse_data_spec(options.data, options.labels);
  Preprocess defaults;
  defaults.scale = spec.default_scale();
  preprocess_ = options.preprocess.empty() ? defaults : parse_preprocess(options.preprocess, defaults);
  data_ = open_dataset(spec, split, inputs_, preprocess_.reading);
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (const auto shape = data_->input_shape(i)) inputs_[i].type.shape = *shape;
  const bool floats = inputs_.size() == 1 && is_float(inputs_[0].type.element);
  if (!floats) {
    if (!options.preprocess.empty() && !preprocess_.same_numbers(defaults))
      throw Error(ErrorCode::invalid_argument,
                  "--preprocess: scale, mean and std are for models with one input of floats");
    preprocess_ = {};  // integers, and arrays of several inputs, stay as they are
  }
  require_channels(preprocess_, channel_count(data_->sample_shape(), data_->channels_last()));
  if (options.held_out && split == Split::evaluation) {
    if (spec.has_split())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--held-out: {} has training files of its own for calibration", spec.name));
    const std::vector<std::int64_t> left = not_calibrated(data_->count(), options);
    for (const std::int64_t i : choose_images(static_cast<std::int64_t>(left.size()), wanted, seed))
      order_.push_back(left[static_cast<std::size_t>(i)]);
  } else {
    order_ = choose_images(data_->count(), wanted, seed);
  }
}

std::int64_t Samples::elements() const {
  std::int64_t sum = 0;
  for (const InputType& input : inputs_) sum += input.type.shape.elements();
  return sum;
}

SampleArrays Samples::read(std::int64_t first, std::int64_t count, std::int64_t step) const {
  SampleArrays arrays;
  const bool last = data_->channels_last();
  const std::int64_t channels = channel_count(data_->sample_shape(), last);
  for (std::size_t input = 0; input < inputs_.size(); ++input) {
    const std::int64_t size = inputs_[input].type.shape.elements();
    arrays::Array& array = arrays.emplace_back(
        arrays::ArrayType{inputs_[input].type.element, batch_of(inputs_[input].type.shape, count)});
    for (std::int64_t i = 0; i < count; ++i) {
      arrays::MutableArrayView sample = array.mutable_view();
      sample.type = inputs_[input].type;
      if (sample.floats) sample.floats += i * size;
      if (sample.integers) sample.integers += i * size;
      data_->read_input(input, order_[static_cast<std::size_t>(first + i * step)], sample);
      if (sample.floats)
        apply(preprocess_, channels, std::span(sample.floats, static_cast<std::size_t>(size)), last);
    }
  }
  return arrays;
}

}  // namespace lowbit::data
