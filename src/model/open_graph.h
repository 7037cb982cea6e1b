// SPDX-License-Identifier: Apache-2.0
// A graph with open dimensions at given sizes of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// Sizes of more dimensions than this, or larger ones, are not supported: sums of rules stay inside 64 bits.
inline constexpr std::size_t kMostOpenDimensions = 8;
inline constexpr std::int64_t kHighestSize = std::int64_t{1} << 24;

struct GraphAtSizes {
  std::vector<Shape> shapes;                        ///< one a value
  std::vector<std::unique_ptr<const ops::Op>> ops;  ///< one a node; null: as the graph has it
};

/// `sizes`: one an open dimension. Throws Error(shape_mismatch) for sizes outside of the limits, and where
/// operators do not fit them.
GraphAtSizes at_sizes(const Graph& graph, std::span<const std::int64_t> sizes);

std::vector<std::int64_t> highest_sizes(std::span<const OpenDimension> dimensions);

/// constant + the sum of factors[d] * sizes[d], whatever the rule is of.
std::int64_t sum_at(const SizeRule& rule, std::span<const std::int64_t> sizes);

/// Throws Error(shape_mismatch) naming the dimension.
void require_sizes(const Graph& graph, std::span<const std::int64_t> sizes);

/// The shapes of samples of all inputs; those of the graph where nothing is open.
std::vector<Shape> input_shapes_at(const Graph& graph, std::span<const std::int64_t> sizes);

/// Finds the sizes that the shapes of inputs say. Takes no memory.
class SizeReader {
 public:
  explicit SizeReader(const Graph& graph) : graph_(graph) {}
  /// Of an input, with a batch in front or without. Throws Error(shape_mismatch) where it contradicts another
  /// one, naming the dimension.
  void add(std::size_t input, const Shape& shape);
  /// One an open dimension. Throws Error(shape_mismatch) where one lies outside of the limits.
  std::span<const std::int64_t> sizes() const;

 private:
  const Graph& graph_;
  std::array<std::int64_t, kMostOpenDimensions> sizes_{};
  std::array<std::size_t, kMostOpenDimensions> from_{};  // the input that said it, plus one
};

/// Throws Error(invalid_argument) for limits that cannot be.
void check_dimensions(std::span<const OpenDimension> dimensions);
/// The same, and for rules that cannot be.
void check_rules(const Graph& graph);

}  // namespace lowbit::detail
