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
  const auto side =
      static_cast<std::size_t>(full ? s.groups * s.panels() * layer.taken * 8 : 0) * sizeof(double) +
      s.row_floats() * (2 * sizeof(double) + sizeof(float));
  const auto positions = static_cast<std::size_t>(layer.rows.positions());
  const auto candidates =
      static_cast<std::size_t>(std::min(s.most_rows, layer.taken)) * s.row_floats() * sizeof(float);
  return (side + candidates) * (layer.other ? 2 : 1) + positions * 24 +
         static_cast<std::size_t>(s.channels) * 16;
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

void SampleSums::start(Side& side, const LayerMoments::State& state) const {
  side.row.resize(state.row_floats());
  side.sums.assign(state.row_floats(), 0.0);
  side.squares.assign(state.squares.size(), 0.0);
  if (state.second == SecondMoments::full)
    side.panels.resize(static_cast<std::size_t>(state.groups * panel_count_ * taken_ * 8));
  side.largest = 0;
}

// side.row as row rows_ of the panels, and into the sums.
void SampleSums::take(Side& side, const LayerMoments::State& state) const {
  for (std::size_t i = 0; i < side.sums.size(); ++i) side.sums[i] += static_cast<double>(side.row[i]);
  for (std::size_t i = 0; i < side.squares.size(); ++i)
    side.squares[i] += static_cast<double>(side.row[i]) * static_cast<double>(side.row[i]);
  if (state.second != SecondMoments::full) return;
  const float* from = side.row.data();
  for (std::int64_t g = 0; g < state.groups; ++g)
    for (std::int64_t p = 0; p < panel_count_; ++p) {
      double* to =
          side.panels.data() + static_cast<std::size_t>(((g * panel_count_ + p) * taken_ + rows_) * 8);
      const std::int64_t count = std::min<std::int64_t>(8, state.columns - 8 * p);
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

void SampleSums::read(const CapturedLayer& layer, std::int64_t sample, const ops::TensorArg& input,
                      const ops::TensorArg* other, const ops::TensorArg& output) {
  const LayerMoments::State& state = *layer.state;
  panel_count_ = state.panels(), taken_ = layer.taken;
  rows_ = 0, skipped_ = 0;
  candidates_.clear();
  choose_positions(sample, layer.rows.positions());
  const float* x = LayerRows::floats(input, x_.decoded);
  const float* y = other ? LayerRows::floats(*other, other_.decoded) : nullptr;
  start(x_, state);
  if (y) start(other_, state);
  for (const std::int64_t position : chosen_) {
    layer.rows.gather(x, position, x_.row.data());
    const float largest = largest_of(x_.row.data(), x_.row.size());
    if (y) layer.other->gather(y, position, other_.row.data());
    const float largest_y = y ? largest_of(other_.row.data(), other_.row.size()) : 0.0f;
    if (!std::isfinite(largest) || !std::isfinite(largest_y)) {
      ++skipped_;
      continue;
    }
    x_.largest = std::max(x_.largest, static_cast<double>(largest));
    other_.largest = std::max(other_.largest, static_cast<double>(largest_y));
    take(x_, state);
    if (y) take(other_, state);
    keep(state, sample, position, y != nullptr);
    ++rows_;
  }
  read_output(layer.rows, output);
}

void SampleSums::raise(LayerMoments::State& state) const {
  const double x = x_.largest, y = state.has_other ? other_.largest : 0.0;
  state.inputs.raise(ExactSums::top_for(bound(rows_, x, 1)));
  state.squares.raise(ExactSums::top_for(bound(rows_, x, x)));
  state.seconds.raise(ExactSums::top_for(bound(rows_, x, x)));
  state.others.raise(ExactSums::top_for(bound(rows_, y, 1)));
  state.cross.raise(ExactSums::top_for(bound(rows_, x, y)));
  state.outputs.raise(ExactSums::top_for(bound(positions_, largest_output_, 1)));
  state.output_squares.raise(ExactSums::top_for(bound(positions_, largest_output_, largest_output_)));
}

void SampleSums::add_sums(LayerMoments::State& state) {
  state.rows += rows_, state.skipped_rows += skipped_;
  state.positions += positions_, state.skipped_positions += skipped_positions_;
  state.inputs.add(x_.sums.data(), x_.sums.size(), 0);
  state.squares.add(x_.squares.data(), x_.squares.size(), 0);
  if (state.has_other) state.others.add(other_.sums.data(), other_.sums.size(), 0);
  state.outputs.add(output_sums_.data(), output_sums_.size(), 0);
  state.output_squares.add(output_squares_.data(), output_squares_.size(), 0);
  for (SampledRow& row : candidates_) state.offer(std::move(row));
  candidates_.clear();
}

}  // namespace lowbit::detail
