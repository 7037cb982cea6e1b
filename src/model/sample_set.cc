// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/sample_set.h"

#include "model/copy_samples.h"

namespace lowbit {
namespace {

void append_axis(const TensorView& batch, const float* from, int axis, std::vector<float>& to) {
  if (axis >= Shape::kMaxRank || axis == batch.shape.rank()) {
    to.push_back(*from);
    return;
  }
  for (std::int64_t i = 0; i < batch.shape[axis]; ++i)
    append_axis(batch, from + i * batch.strides[static_cast<std::size_t>(axis)], axis + 1, to);
}

template <class T>
void append_elements(const T* first, std::int64_t count, std::vector<T>& to) {
  if (count > 0) to.insert(to.end(), first, first + count);
}

std::int64_t elements_of(const arrays::Array& input) {
  return input.type.shape[1];
}

void count_one(SampleSet& set) {
  ++set.count;
  for (arrays::Array& input : set.inputs) input.type.shape = Shape{set.count, elements_of(input)};
}

}  // namespace

SampleSet::SampleSet(const Model& model) {
  for (const ValueId id : model.graph().inputs) {
    const Graph::Value& value = model.graph().values[static_cast<std::size_t>(id)];
    inputs.emplace_back(arrays::ArrayType{value.element, Shape{0, value.shape.elements()}});
  }
}

void SampleSet::append(const TensorView& batch, std::int64_t i) {
  const float* from = batch.data + i * batch.strides[0];
  arrays::Array& input = inputs[0];
  if (is_float(input.type.element)) {
    append_axis(batch, from, 1, input.floats);
  } else {
    std::vector<float> sample;
    append_axis(batch, from, 1, sample);
    for (const float x : sample) input.integers.push_back(nearest_integer(x));
  }
  count_one(*this);
}

void SampleSet::append(std::span<const arrays::ArrayView> batch, std::int64_t i) {
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const std::int64_t size = elements_of(inputs[n]);
    if (is_float(inputs[n].type.element))
      append_elements(batch[n].floats + i * size, size, inputs[n].floats);
    else
      append_elements(batch[n].integers + i * size, size, inputs[n].integers);
  }
  count_one(*this);
}

std::vector<arrays::ArrayView> SampleSet::views(std::int64_t first, std::int64_t number) const {
  std::vector<arrays::ArrayView> views;
  for (const arrays::Array& input : inputs) {
    arrays::ArrayView& view = views.emplace_back(input.view());
    const std::int64_t size = elements_of(input);
    view.type.shape = Shape{number, size};
    if (view.floats) view.floats += first * size;
    if (view.integers) view.integers += first * size;
  }
  return views;
}

std::size_t sample_bytes(const Model& model) {
  std::size_t bytes = 0;
  for (const ValueId id : model.graph().inputs) {
    const Graph::Value& value = model.graph().values[static_cast<std::size_t>(id)];
    bytes += static_cast<std::size_t>(value.shape.elements()) *
             (is_float(value.element) ? sizeof(float) : sizeof(std::int64_t));
  }
  return bytes;
}

}  // namespace lowbit
