// SPDX-License-Identifier: Apache-2.0
// A small network and samples for tests of calibration, and an observer that depends on everything that
// sharding could get wrong: the numbers of batches, their order, and what is in them.
#pragma once

#include <cstring>
#include <map>
#include <span>
#include <vector>

#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::testing {

/// x (6) -> hidden (8, ReLU) -> y (3)
inline Model calibration_network(std::uint64_t seed = 1) {
  Random random(seed);
  const auto linear = [&](std::int64_t rows, std::int64_t cols) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{rows, cols});
    for (float& w : op.weight.data) w = random.uniform();
    op.bias.assign(static_cast<std::size_t>(rows), 0.1f);
    return op;
  };
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{6})};
  ops::LinearOp first = linear(8, 6);
  first.activation.lo = 0.0f;
  const ValueId hidden = graph.add_node("hidden", first, graph.inputs);
  graph.outputs = {graph.add_node("y", linear(3, 8), {hidden})};
  return Model(std::move(graph));
}

/// Samples of x; number i is at [6 i, 6 i + 6).
inline Tensor calibration_samples(std::int64_t count, std::uint64_t seed = 9) {
  Random random(seed);
  Tensor samples(Shape{count, 6});
  for (float& v : samples.data) v = random.gaussian();
  return samples;
}

/// Samples first, first + step, ...
inline Tensor every_nth(const Tensor& samples, std::int64_t first, std::int64_t step) {
  std::vector<float> chosen;
  for (std::int64_t i = first; i < samples.shape[0]; i += step)
    chosen.insert(chosen.end(), samples.data.begin() + i * 6, samples.data.begin() + i * 6 + 6);
  const auto count = static_cast<std::int64_t>(chosen.size() / 6);
  return Tensor(Shape{count, 6}, std::move(chosen));
}

/// Remembers the first element of each batch by its number; the range depends on the order.
class Diary {
 public:
  void observe(std::span<const float> x) { observe(x, pages_.empty() ? 0 : pages_.rbegin()->first + 1); }
  void observe(std::span<const float> x, std::uint64_t batch) { pages_[batch] = x[0]; }
  void merge(const Diary& other) { pages_.insert(other.pages_.begin(), other.pages_.end()); }
  Range range(IntRange) const {
    float sum = 0;
    for (const auto& [batch, value] : pages_) sum = 0.75f * sum + value;
    return {std::min(sum, 0.0f), std::max(sum, 1.0f)};
  }
  std::vector<std::byte> state() const {
    std::vector<std::byte> bytes(pages_.size() * 12);
    std::byte* to = bytes.data();
    for (const auto& [batch, value] : pages_) {
      std::memcpy(to, &batch, 8), std::memcpy(to + 8, &value, 4);
      to += 12;
    }
    return bytes;
  }
  void set_state(std::span<const std::byte> bytes) {
    pages_.clear();
    for (; bytes.size() >= 12; bytes = bytes.subspan(12)) {
      std::uint64_t batch = 0;
      float value = 0;
      std::memcpy(&batch, bytes.data(), 8), std::memcpy(&value, bytes.data() + 8, 4);
      pages_[batch] = value;
    }
  }

 private:
  std::map<std::uint64_t, float> pages_;
};

}  // namespace lowbit::testing
