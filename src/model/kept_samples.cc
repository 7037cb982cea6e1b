// SPDX-License-Identifier: Apache-2.0
#include "model/kept_samples.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace lowbit {
namespace {

/// Of the same inputs, without samples.
SampleSet empty_like(const SampleSet& set) {
  SampleSet empty;
  for (const arrays::Array& input : set.inputs)
    empty.inputs.emplace_back(arrays::ArrayType{input.type.element, Shape{0, input.type.shape[1]}});
  return empty;
}

}  // namespace

void merge_kept(KeptSamples& into, const KeptSamples& more) {
  if (more.numbers.empty()) return;
  const KeptSamples before = std::move(into);
  std::vector<std::int64_t> numbers = before.numbers;
  numbers.insert(numbers.end(), more.numbers.begin(), more.numbers.end());
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  into = {{}, empty_like(more.samples)};
  const std::vector<arrays::ArrayView> first = before.samples.views(), second = more.samples.views();
  for (const std::size_t i : order) {
    const bool is_first = i < before.numbers.size();
    into.numbers.push_back(numbers[i]);
    into.samples.append(is_first ? first : second,
                        static_cast<std::int64_t>(is_first ? i : i - before.numbers.size()));
  }
}

}  // namespace lowbit
