// SPDX-License-Identifier: Apache-2.0
// What LayerMoments keeps: exact sums and sampled rows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lowbit/recover/layer_stats.h"
#include "recover/exact_sums.h"

namespace lowbit {
namespace detail {

/// Decides which positions of a sample are taken and which rows are kept: evenly spread, the same everywhere.
std::uint64_t place_hash(std::int64_t sample, std::int64_t position);

/// Ordered by hash.
struct SampledRow {
  std::uint64_t hash;
  std::int64_t sample, position;
  std::vector<float> x{}, other{};

  auto key() const { return std::tie(hash, sample, position); }
  friend bool operator<(const SampledRow& a, const SampledRow& b) { return a.key() < b.key(); }
};

}  // namespace detail

struct LayerMoments::State {
  std::string layer;
  std::int64_t groups = 1, columns = 1, channels = 1;
  SecondMoments second = SecondMoments::full;
  CrossMoments others_kind = CrossMoments::none;
  std::int64_t most_rows = 0;  ///< CaptureOptions::sampled_rows

  std::int64_t rows = 0, skipped_rows = 0, positions = 0, skipped_positions = 0;
  /// `others`: inputs of the other model, or targets; squares of targets alone.
  detail::ExactSums inputs, squares, others, other_squares, outputs, output_squares;
  /// [group][tile][8][8]: tiles (i, j) of 8 x 8 elements, j >= i, row by row; the cross moment has all tiles.
  detail::ExactSums seconds, cross;
  std::set<detail::SampledRow> sampled;

  /// Elements of the sums, in the order of each_sum, for what was set above.
  std::array<std::size_t, 8> sizes() const;
  void allocate();
  bool has_other() const { return others_kind != CrossMoments::none; }
  bool has_targets() const { return others_kind == CrossMoments::targets; }
  /// Of one group: columns of the other model's rows, or channels that have targets.
  std::int64_t other_columns() const { return has_targets() ? channels / groups : columns; }
  std::int64_t panels() const { return (columns + 7) / 8; }
  std::int64_t other_panels() const { return (other_columns() + 7) / 8; }
  std::int64_t tiles() const { return panels() * (panels() + 1) / 2; }
  std::size_t tile(std::int64_t group, std::int64_t i, std::int64_t j) const;        ///< of `seconds`, i <= j
  std::size_t cross_tile(std::int64_t group, std::int64_t i, std::int64_t j) const;  ///< of `cross`
  std::size_t row_floats() const { return static_cast<std::size_t>(groups * columns); }
  std::size_t other_floats() const {
    return has_other() ? static_cast<std::size_t>(groups * other_columns()) : 0;
  }
  std::size_t bytes() const;  ///< with as many sampled rows as may become
  void offer(detail::SampledRow row);
  bool same_kind(const State& o) const;
  void merge(const State& o);
  /// All sums, in the order of files.
  template <class F>
  void each_sum(F&& f) {
    f(inputs), f(squares), f(others), f(other_squares), f(outputs), f(output_squares), f(seconds), f(cross);
  }
};

namespace detail {
/// Throws Error(invalid_argument) for stats of no samples, or a layer without a finite input or output.
void check_captured(const LayerStats& stats);
/// Stats that do not share sums with `stats`.
LayerStats deep_copy(const LayerStats& stats);
}  // namespace detail

}  // namespace lowbit
