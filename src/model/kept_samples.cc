#include "model/kept_samples.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

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

}  // namespace

void append_sample(const TensorView& batch, std::int64_t i, std::vector<float>& to) {
  append_axis(batch, batch.data + i * batch.strides[0], 1, to);
}

void merge_kept(KeptSamples& into, const KeptSamples& more) {
  if (more.numbers.empty()) return;
  KeptSamples both = into;
  both.numbers.insert(both.numbers.end(), more.numbers.begin(), more.numbers.end());
  both.values.insert(both.values.end(), more.values.begin(), more.values.end());
  const std::size_t elements = both.values.size() / both.numbers.size();
  std::vector<std::size_t> order(both.numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return both.numbers[a] < both.numbers[b]; });
  into = {};
  for (const std::size_t i : order) {
    into.numbers.push_back(both.numbers[i]);
    const auto first = both.values.begin() + static_cast<std::ptrdiff_t>(i * elements);
    into.values.insert(into.values.end(), first, first + static_cast<std::ptrdiff_t>(elements));
  }
}

}  // namespace lowbit
