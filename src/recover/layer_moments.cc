// SPDX-License-Identifier: Apache-2.0
// LayerMoments: sizes, merging, and reading moments out of sums.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/recover/layer_stats.h"
#include "recover/layer_moments_state.h"

namespace lowbit {
namespace detail {

std::uint64_t place_hash(std::int64_t sample, std::int64_t position) {
  // Two rounds of the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t z = static_cast<std::uint64_t>(sample) * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u;
  for (const std::uint64_t more : {static_cast<std::uint64_t>(position), std::uint64_t{1}}) {
    z ^= more * 0xD1B54A32D192ED03u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
  }
  return z;
}

}  // namespace detail

namespace {

[[noreturn]] void refuse_layer(const LayerMoments::State& s, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("layer '{}': {}", s.layer, what));
}

std::vector<double> divided(const detail::ExactSums& sums, std::int64_t count) {
  std::vector<double> out(sums.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = count > 0 ? sums[i] / static_cast<double>(count) : 0.0;
  return out;
}

}  // namespace

std::array<std::size_t, 8> LayerMoments::State::sizes() const {
  const std::size_t in = row_floats(), out = static_cast<std::size_t>(channels);
  const auto tile_elements = static_cast<std::size_t>(64 * groups);
  const bool full = second == SecondMoments::full;
  return {in,
          second == SecondMoments::diagonal ? in : 0,
          other_floats(),
          has_targets() ? out : 0,
          out,
          out,
          full ? tile_elements * static_cast<std::size_t>(tiles()) : 0,
          full && has_other() ? tile_elements * static_cast<std::size_t>(panels() * other_panels()) : 0};
}

void LayerMoments::State::allocate() {
  std::size_t i = 0;
  each_sum([&](detail::ExactSums& sums) { sums = detail::ExactSums(sizes()[i++]); });
}

std::size_t LayerMoments::State::tile(std::int64_t group, std::int64_t i, std::int64_t j) const {
  // Rows above row i of the triangle have panels, panels - 1, ... tiles.
  const std::int64_t above = i * panels() - i * (i - 1) / 2;
  return static_cast<std::size_t>(64 * (group * tiles() + above + j - i));
}

std::size_t LayerMoments::State::cross_tile(std::int64_t group, std::int64_t i, std::int64_t j) const {
  return static_cast<std::size_t>(64 * ((group * panels() + i) * other_panels() + j));
}

std::size_t LayerMoments::State::bytes() const {
  std::size_t elements = 0;
  for (const std::size_t size : sizes()) elements += size;
  const std::size_t row = sizeof(detail::SampledRow) + (row_floats() + other_floats()) * sizeof(float);
  return elements * 2 * sizeof(std::int64_t) + static_cast<std::size_t>(most_rows) * row;
}

void LayerMoments::State::offer(detail::SampledRow row) {
  if (static_cast<std::int64_t>(sampled.size()) == most_rows) {
    if (most_rows == 0 || !(row < *sampled.rbegin())) return;
    sampled.erase(std::prev(sampled.end()));
  }
  sampled.insert(std::move(row));
}

bool LayerMoments::State::same_kind(const State& o) const {
  return layer == o.layer && groups == o.groups && columns == o.columns && channels == o.channels &&
         second == o.second && others_kind == o.others_kind && most_rows == o.most_rows;
}

void LayerMoments::State::merge(const State& o) {
  rows += o.rows, skipped_rows += o.skipped_rows;
  positions += o.positions, skipped_positions += o.skipped_positions;
  inputs.merge(o.inputs), squares.merge(o.squares), others.merge(o.others);
  other_squares.merge(o.other_squares);
  outputs.merge(o.outputs), output_squares.merge(o.output_squares);
  seconds.merge(o.seconds), cross.merge(o.cross);
  for (const detail::SampledRow& row : o.sampled) offer(row);
}

const std::string& LayerMoments::layer() const {
  return state_->layer;
}
std::int64_t LayerMoments::groups() const {
  return state_->groups;
}
std::int64_t LayerMoments::columns() const {
  return state_->columns;
}
std::int64_t LayerMoments::channels() const {
  return state_->channels;
}
std::int64_t LayerMoments::rows() const {
  return state_->rows;
}
std::int64_t LayerMoments::skipped_rows() const {
  return state_->skipped_rows;
}
std::int64_t LayerMoments::positions() const {
  return state_->positions;
}
std::int64_t LayerMoments::skipped_positions() const {
  return state_->skipped_positions;
}
SecondMoments LayerMoments::second_moments() const {
  return state_->second;
}
CrossMoments LayerMoments::cross_moments() const {
  return state_->others_kind;
}
std::size_t LayerMoments::bytes() const {
  return state_->bytes();
}

std::vector<double> LayerMoments::input_mean() const {
  return divided(state_->inputs, state_->rows);
}
std::vector<double> LayerMoments::output_mean() const {
  return divided(state_->outputs, state_->positions);
}
std::vector<double> LayerMoments::output_squares() const {
  return divided(state_->output_squares, state_->positions);
}

std::vector<double> LayerMoments::other_mean() const {
  if (!has_other()) refuse_layer(*state_, "inputs of another model were not captured");
  return divided(state_->others, state_->rows);
}

std::vector<double> LayerMoments::input_squares() const {
  const State& s = *state_;
  if (s.second == SecondMoments::none) refuse_layer(s, "second moments were not captured");
  if (s.second == SecondMoments::diagonal) return divided(s.squares, s.rows);
  std::vector<double> out;
  for (std::int64_t g = 0; g < s.groups; ++g)
    for (std::int64_t c = 0; c < s.columns; ++c)
      out.push_back(s.rows > 0 ? s.seconds[s.tile(g, c / 8, c / 8) + static_cast<std::size_t>(9 * (c % 8))] /
                                     static_cast<double>(s.rows)
                               : 0.0);
  return out;
}

namespace {

void check_group(const LayerMoments::State& s, std::int64_t group) {
  if (s.second != SecondMoments::full) refuse_layer(s, "the matrix of second moments was not captured");
  if (group < 0 || group >= s.groups)
    refuse_layer(s, fmt::format("there is no group {} of {}", group, s.groups));
}

}  // namespace

std::vector<double> LayerMoments::second_moment(std::int64_t group) const {
  const State& s = *state_;
  check_group(s, group);
  const auto n = static_cast<std::size_t>(s.columns);
  std::vector<double> out(n * n);
  for (std::int64_t r = 0; r < s.columns; ++r)
    for (std::int64_t c = r; c < s.columns; ++c) {
      const auto in_tile = static_cast<std::size_t>(8 * (r % 8) + c % 8);
      const double sum = s.seconds[s.tile(group, r / 8, c / 8) + in_tile];
      const double mean = s.rows > 0 ? sum / static_cast<double>(s.rows) : 0.0;
      out[static_cast<std::size_t>(r) * n + static_cast<std::size_t>(c)] = mean;
      out[static_cast<std::size_t>(c) * n + static_cast<std::size_t>(r)] = mean;
    }
  return out;
}

std::vector<double> LayerMoments::cross_moment(std::int64_t group) const {
  const State& s = *state_;
  check_group(s, group);
  if (!has_other()) refuse_layer(s, "inputs of another model were not captured");
  std::vector<double> out;
  for (std::int64_t r = 0; r < s.columns; ++r)
    for (std::int64_t c = 0; c < s.columns; ++c) {
      const auto in_tile = static_cast<std::size_t>(8 * (r % 8) + c % 8);
      const double sum = s.cross[s.cross_tile(group, r / 8, c / 8) + in_tile];
      out.push_back(s.rows > 0 ? sum / static_cast<double>(s.rows) : 0.0);
    }
  return out;
}

namespace {
void require_targets(const LayerMoments& moments) {
  if (!moments.has_targets()) refuse_layer(moments.state(), "targets were not captured");
}
}  // namespace

std::vector<double> LayerMoments::target_mean() const {
  require_targets(*this);
  return divided(state_->others, state_->rows);
}

std::vector<double> LayerMoments::target_squares() const {
  require_targets(*this);
  return divided(state_->other_squares, state_->rows);
}

std::vector<double> LayerMoments::target_moment() const {
  require_targets(*this);
  const State& s = *state_;
  check_group(s, 0);
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(s.channels * s.columns));
  for (std::int64_t o = 0; o < s.channels; ++o) {
    const std::int64_t group = o / s.other_columns(), at = o % s.other_columns();
    for (std::int64_t c = 0; c < s.columns; ++c) {
      const auto in_tile = static_cast<std::size_t>(8 * (c % 8) + at % 8);
      const double sum = s.cross[s.cross_tile(group, c / 8, at / 8) + in_tile];
      out.push_back(s.rows > 0 ? sum / static_cast<double>(s.rows) : 0.0);
    }
  }
  return out;
}

SampledRows LayerMoments::sampled_rows() const {
  SampledRows out;
  for (const detail::SampledRow& row : state_->sampled) {
    ++out.count;
    out.x.insert(out.x.end(), row.x.begin(), row.x.end());
    out.other.insert(out.other.end(), row.other.begin(), row.other.end());
    out.samples.push_back(row.sample);
    out.positions.push_back(row.position);
  }
  return out;
}

}  // namespace lowbit
