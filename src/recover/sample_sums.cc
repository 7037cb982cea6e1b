// SPDX-License-Identifier: Apache-2.0
#include "recover/sample_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lowbit::detail {
namespace {

/// The largest magnitude, or NaN where something is not finite.
float largest_of(const float* x, std::size_t count) {
  float largest = 0.0f, poison = 0.0f;
  for (std::size_t i = 0; i < count; ++i) {
    const float magnitude = std::fabs(x[i]);
    largest = magnitude > largest ? magnitude : largest;
    poison += x[i] - x[i];  // 0, or NaN
  }
  return largest + poison;
}

/// Twice what `count` products of that size can sum up to, however each addition rounds.
double bound(std::int64_t count, double a, double b) {
  return 2.0 * static_cast<double>(count) * a * b;
}

}  // namespace

std::size_t SampleSums::bytes(const CapturedLayer& layer) {
  const LayerMoments::State& s = *layer.state;
  const bool full = s.second == SecondMoments::full;
  const auto taken = static_cast<std::size_t>(layer.taken);
  const auto side = [&](std::int64_t panels, std::size_t floats) {
    return (full ? static_cast<std::size_t>(s.groups * panels) * taken * 8 : 0) * sizeof(double) +
           floats * (2 * sizeof(double) + sizeof(float));
  };
  const auto candidates = static_cast<std::size_t>(std::min(s.most_rows, layer.taken)) *
                          (s.row_floats() + s.other_floats()) * sizeof(float);
  return side(s.panels(), s.row_floats()) + (s.has_other() ? side(s.other_panels(), s.other_floats()) : 0) +
         candidates + (layer.targets ? layer.targets->work_bytes(layer.taken) : 0) +
         static_cast<std::size_t>(layer.rows.positions()) * 24 + static_cast<std::size_t>(s.channels) * 16;
}

// With the lowest hashes, in ascending order.
void SampleSums::choose_positions(std::int64_t sample, std::int64_t positions) {
  chosen_.clear();
  if (positions == taken_) {
    for (std::int64_t p = 0; p < positions; ++p) chosen_.push_back(p);
    return;
  }
  hashed_.clear();
  for (std::int64_t p = 0; p < positions; ++p) hashed_.emplace_back(place_hash(sample, p), p);
  std::nth_element(hashed_.begin(), hashed_.begin() + taken_, hashed_.end());
  for (std::int64_t i = 0; i < taken_; ++i) chosen_.push_back(hashed_[static_cast<std::size_t>(i)].second);
  std::sort(chosen_.begin(), chosen_.end());
}

void SampleSums::start(Side& side, const LayerMoments::State& state, std::int64_t columns,
                       bool squares) const {
  side.groups = state.groups, side.columns = columns, side.panel_count = (columns + 7) / 8;
  const auto floats = static_cast<std::size_t>(side.groups * columns);
  side.row.resize(floats);
  side.sums.assign(floats, 0.0);
  side.squares.assign(squares ? floats : 0, 0.0);
  if (state.second == SecondMoments::full)
    side.panels.resize(static_cast<std::size_t>(side.groups * side.panel_count * taken_ * 8));
  else
    side.panels.clear();
  side.largest = 0;
}

// side.row as row rows_ of the panels, and into the sums.
void SampleSums::take(Side& side) const {
  for (std::size_t i = 0; i < side.sums.size(); ++i) side.sums[i] += static_cast<double>(side.row[i]);
  for (std::size_t i = 0; i < side.squares.size(); ++i)
    side.squares[i] += static_cast<double>(side.row[i]) * static_cast<double>(side.row[i]);
  if (side.panels.empty()) return;
  const float* from = side.row.data();
  for (std::int64_t g = 0; g < side.groups; ++g)
    for (std::int64_t p = 0; p < side.panel_count; ++p) {
      double* to =
          side.panels.data() + static_cast<std::size_t>(((g * side.panel_count + p) * taken_ + rows_) * 8);
      const std::int64_t count = std::min<std::int64_t>(8, side.columns - 8 * p);
      for (std::int64_t c = 0; c < count; ++c) to[c] = static_cast<double>(*from++);
      for (std::int64_t c = count; c < 8; ++c) to[c] = 0.0;
    }
}

void SampleSums::keep(const LayerMoments::State& state, std::int64_t sample, std::int64_t position,
                      bool with_other) {
  if (state.most_rows == 0) return;
  SampledRow row{place_hash(sample, position), sample, position};
  // Rows that came before it are better already.
  if (static_cast<std::int64_t>(state.sampled.size()) == state.most_rows && !(row < *state.sampled.rbegin()))
    return;
  if (static_cast<std::int64_t>(candidates_.size()) == state.most_rows) {
    if (!(row < candidates_.front())) return;
    std::pop_heap(candidates_.begin(), candidates_.end());
    candidates_.pop_back();
  }
  row.x = x_.row;
  if (with_other) row.other = other_.row;
  candidates_.push_back(std::move(row));
  std::push_heap(candidates_.begin(), candidates_.end());
}

void SampleSums::read_output(const LayerRows& rows, const ops::TensorArg& output) {
  const float* out = LayerRows::floats(output, decoded_output_);
  const auto channels = static_cast<std::size_t>(rows.channels());
  output_sums_.assign(channels, 0.0);
  output_squares_.assign(channels, 0.0);
  largest_output_ = 0, positions_ = 0, skipped_positions_ = 0;
  for (std::int64_t p = 0; p < rows.positions(); ++p, out += channels) {
    const float largest = largest_of(out, channels);
    if (!std::isfinite(largest)) {
      ++skipped_positions_;
      continue;
    }
    ++positions_;
    largest_output_ = std::max(largest_output_, static_cast<double>(largest));
    for (std::size_t c = 0; c < channels; ++c) output_sums_[c] += static_cast<double>(out[c]);
    for (std::size_t c = 0; c < channels; ++c)
      output_squares_[c] += static_cast<double>(out[c]) * static_cast<double>(out[c]);
  }
}

void SampleSums::read(const CapturedLayer& layer, std::int64_t sample,
                      const std::vector<ops::TensorArg>& values, const std::vector<ops::TensorArg>* others) {
  const LayerMoments::State& state = *layer.state;
  const auto value = [](const std::vector<ops::TensorArg>& v, ValueId id) -> const ops::TensorArg& {
    return v[static_cast<std::size_t>(id)];
  };
  taken_ = layer.taken;
  rows_ = 0, skipped_ = 0;
  candidates_.clear();
  choose_positions(sample, layer.rows.positions());
  const float* x = LayerRows::floats(value(values, layer.rows.input()), x_.decoded);
  const float* y = others ? LayerRows::floats(value(*others, layer.other->input()), other_.decoded) : nullptr;
  start(x_, state, state.columns, state.second == SecondMoments::diagonal);
  if (y) start(other_, state, state.other_columns(), state.has_targets());
  if (layer.targets) layer.targets->compute(*layer.other, y, chosen_, values, *others, targets_);
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    layer.rows.gather(x, chosen_[i], x_.row.data());
    const float largest = largest_of(x_.row.data(), x_.row.size());
    if (layer.targets)
      targets_.copy_row(i, other_.row);
    else if (y)
      layer.other->gather(y, chosen_[i], other_.row.data());
    const float largest_y = y ? largest_of(other_.row.data(), other_.row.size()) : 0.0f;
    if (!std::isfinite(largest) || !std::isfinite(largest_y)) {
      ++skipped_;
      continue;
    }
    x_.largest = std::max(x_.largest, static_cast<double>(largest));
    other_.largest = std::max(other_.largest, static_cast<double>(largest_y));
    take(x_);
    if (y) take(other_);
    keep(state, sample, chosen_[i], y != nullptr);
    ++rows_;
  }
  positions_ = 0, skipped_positions_ = 0;
  if (layer.outputs) read_output(layer.rows, value(values, layer.rows.output()));
}

void SampleSums::raise(LayerMoments::State& state) const {
  const double x = x_.largest, y = state.has_other() ? other_.largest : 0.0;
  state.inputs.raise(ExactSums::top_for(bound(rows_, x, 1)));
  state.squares.raise(ExactSums::top_for(bound(rows_, x, x)));
  state.seconds.raise(ExactSums::top_for(bound(rows_, x, x)));
  state.others.raise(ExactSums::top_for(bound(rows_, y, 1)));
  state.other_squares.raise(ExactSums::top_for(state.has_targets() ? bound(rows_, y, y) : 0.0));
  state.cross.raise(ExactSums::top_for(bound(rows_, x, y)));
  state.outputs.raise(ExactSums::top_for(bound(positions_, largest_output_, 1)));
  state.output_squares.raise(ExactSums::top_for(bound(positions_, largest_output_, largest_output_)));
}

void SampleSums::add_sums(LayerMoments::State& state) {
  state.rows += rows_, state.skipped_rows += skipped_;
  state.positions += positions_, state.skipped_positions += skipped_positions_;
  state.inputs.add(x_.sums.data(), x_.sums.size(), 0);
  state.squares.add(x_.squares.data(), x_.squares.size(), 0);
  if (state.has_other()) state.others.add(other_.sums.data(), other_.sums.size(), 0);
  if (state.has_targets()) state.other_squares.add(other_.squares.data(), other_.squares.size(), 0);
  state.outputs.add(output_sums_.data(), output_sums_.size(), 0);
  state.output_squares.add(output_squares_.data(), output_squares_.size(), 0);
  for (SampledRow& row : candidates_) state.offer(std::move(row));
  candidates_.clear();
}

}  // namespace lowbit::detail
