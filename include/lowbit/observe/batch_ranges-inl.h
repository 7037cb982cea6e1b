// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/batch_ranges.h"
#include "lowbit/observe/detail/state_bytes.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/runtime/detail/float_env.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::batch_ranges {

inline constexpr std::uint64_t kNumbers = std::uint64_t{1} << 63;
constexpr Range kNoValues{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};

inline bool is_range(Range r) {
  if (r == kNoValues) return true;
  const bool minus_zero = (r.min == 0 && std::signbit(r.min)) || (r.max == 0 && std::signbit(r.max));
  return r.min <= r.max && std::isfinite(r.min) && std::isfinite(r.max) && !minus_zero;
}

}  // namespace detail::batch_ranges

LOWBIT_INLINE void BatchRangeObserver::observe(std::span<const float> x) {
  observe(x, runs_.empty() ? 0 : runs_.back().end());
}

LOWBIT_INLINE void BatchRangeObserver::observe(std::span<const float> x, std::uint64_t batch) {
  using namespace detail::batch_ranges;
  if (batch >= kNumbers)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("the number of a batch is below 2^63, not {}", batch));
  if (x.empty()) return;
  const FloatEnvironmentGuard defaults;
  MinMaxObserver piece;
  piece.observe(x);
  non_finite_ += piece.non_finite();
  extend(batch, piece.empty() ? kNoValues : piece.range({}));
}

LOWBIT_INLINE void BatchRangeObserver::extend(std::uint64_t batch, Range r) {
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), batch,
                                      [](std::uint64_t b, const Run& run) { return b < run.first; });
  const auto run = static_cast<std::size_t>(after - runs_.begin());
  if (run == 0 || batch >= runs_[run - 1].end()) return insert(run, batch, r);
  Range& known = ranges_[runs_[run - 1].begin + (batch - runs_[run - 1].first)];
  known.min = r.min < known.min ? r.min : known.min;
  known.max = r.max > known.max ? r.max : known.max;
}

// A batch between the runs before and at `run`, either of which may be none.
LOWBIT_INLINE void BatchRangeObserver::insert(std::size_t run, std::uint64_t batch, Range r) {
  const std::size_t at = run < runs_.size() ? runs_[run].begin : ranges_.size();
  ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(at), r);
  for (std::size_t i = run; i < runs_.size(); ++i) ++runs_[i].begin;
  const auto place = runs_.begin() + static_cast<std::ptrdiff_t>(run);
  const bool joins_last = run > 0 && runs_[run - 1].end() == batch;
  const bool joins_next = run < runs_.size() && runs_[run].first == batch + 1;
  if (joins_last) {
    ++runs_[run - 1].count;
    if (!joins_next) return;
    runs_[run - 1].count += runs_[run].count;
    runs_.erase(place);
  } else if (joins_next) {
    --runs_[run].first, --runs_[run].begin, ++runs_[run].count;
  } else {
    runs_.insert(place, {batch, 1, at});
  }
}

LOWBIT_INLINE void BatchRangeObserver::merge_batches(const BatchRangeObserver& other) {
  using namespace detail::batch_ranges;
  const FloatEnvironmentGuard defaults;
  // Both in order into a new list: no batch is inserted before others.
  BatchRangeObserver all;
  all.ranges_.reserve(ranges_.size() + other.ranges_.size());
  std::size_t run = 0, i = 0;
  const auto take_below = [&](std::uint64_t end) {
    for (; run < runs_.size(); ++run, i = 0)
      for (; i < runs_[run].count; ++i) {
        if (runs_[run].first + i >= end) return;
        all.extend(runs_[run].first + i, ranges_[runs_[run].begin + i]);
      }
  };
  for (const Run& theirs : other.runs_)
    for (std::size_t k = 0; k < theirs.count; ++k) {
      take_below(theirs.first + k + 1);
      all.extend(theirs.first + k, other.ranges_[theirs.begin + k]);
    }
  take_below(kNumbers);
  all.non_finite_ = non_finite_ + other.non_finite_;
  all.ranges_.shrink_to_fit();
  *this = std::move(all);
}

LOWBIT_INLINE std::vector<Range> BatchRangeObserver::finite_ranges() const {
  std::vector<Range> result;
  result.reserve(ranges_.size());
  for (const Range& r : ranges_)
    if (r.min <= r.max) result.push_back(r);
  return result;
}

LOWBIT_INLINE std::vector<std::byte> BatchRangeObserver::state() const {
  detail::StateWriter out;
  out.put(non_finite_);
  for (const Run& run : runs_) {
    out.put(run.first), out.put(run.count);
    for (std::size_t i = 0; i < run.count; ++i)
      out.put(ranges_[run.begin + i].min), out.put(ranges_[run.begin + i].max);
  }
  return out.take();
}

LOWBIT_INLINE void BatchRangeObserver::set_state(std::span<const std::byte> bytes) {
  using namespace detail::batch_ranges;
  detail::StateReader in(bytes);
  BatchRangeObserver read;
  read.non_finite_ = in.get<std::uint64_t>();
  while (!in.at_end()) {
    const auto first = in.get<std::uint64_t>(), count = in.get<std::uint64_t>();
    // Runs that touch would be one.
    const bool apart = read.runs_.empty() || (first > read.runs_.back().end());
    if (!apart || count == 0 || first >= kNumbers || count > kNumbers - first)
      detail::throw_error(
          ErrorCode::corrupt_file,
          detail::sentence("the state of an observer has {} batches from number {} on", count, first));
    read.runs_.push_back({first, count, read.ranges_.size()});
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto min = in.get<float>(), max = in.get<float>();
      if (!is_range({min, max}))
        detail::throw_error(ErrorCode::corrupt_file,
                            detail::sentence("the state of an observer has a batch from {} to {}", min, max));
      read.ranges_.push_back({min, max});
    }
  }
  *this = std::move(read);
}

}  // namespace lowbit
LOWBIT_END_EXACT
