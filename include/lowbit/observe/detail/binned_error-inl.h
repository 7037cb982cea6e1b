// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "lowbit/observe/detail/binned_error.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace binned_error {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr std::uint32_t kBeyondFloats = 0xFF00;

inline double squared_error(const BinnedError::Moments& m, double level) {
  const double e = m.squares - 2 * level * m.sum + level * level * m.count;
  return e > 0 ? e : 0;
}

}  // namespace binned_error

LOWBIT_INLINE std::uint32_t bin_of(double magnitude) {
  using namespace binned_error;
  if (magnitude < 0x1p-126) return static_cast<std::uint32_t>(magnitude * 0x1p134);
  if (magnitude >= 0x1p128) return kBeyondFloats;
  constexpr std::uint64_t kBias = std::uint64_t{1023 - 127} << 8;
  return static_cast<std::uint32_t>((std::bit_cast<std::uint64_t>(magnitude) >> 44) - kBias);
}

LOWBIT_INLINE double bin_begin(std::uint32_t bin) {
  using namespace binned_error;
  return bin < kBeyondFloats ? double(std::bit_cast<float>(bin << 15)) : 0x1p128;
}

LOWBIT_INLINE BinnedError::BinnedError(const FloatHistogram& seen) {
  const auto bins = seen.bins();
  // Room for the bins from the nearest to the farthest of each side, which come in this order.
  std::uint32_t negative_end = 0, negative_begin = 0, positive_begin = 0, positive_end = 0;
  for (const auto& b : bins) {
    if (b.lo == b.hi) continue;
    const std::uint32_t bin = bin_of(b.lo < 0 ? -b.hi : b.lo);
    if (b.lo < 0) negative_begin = bin, negative_end = negative_end ? negative_end : bin;
    if (b.lo > 0) positive_end = bin, positive_begin = positive_begin ? positive_begin : bin;
  }
  negative_.sums.reserve(negative_end - negative_begin + 2);
  positive_.sums.reserve(positive_end - positive_begin + 2);
  for (const auto& b : bins)
    if (b.lo >= 0) positive_.add(b.lo, b.hi, b.count);
  for (auto b = bins.rbegin(); b != bins.rend(); ++b)
    if (b->lo < 0) negative_.add(-b->hi, -b->lo, b->count);
}

// In ascending order.
LOWBIT_INLINE void BinnedError::Side::add(double lo, double hi, std::uint64_t count) {
  const auto n = static_cast<double>(count);
  const Moments m{n, n * (lo + hi) / 2, n * (lo * lo + lo * hi + hi * hi) / 3};
  const bool nothing = all.count == 0;
  if (nothing) nearest = lo;
  farthest = hi;
  all = {all.count + m.count, all.sum + m.sum, all.squares + m.squares};
  if (lo < hi)
    add_bin(lo, hi, m);
  else if (nothing)
    sums[0] = m;
}

// Bins that hold nothing stand between, so that a lookup is an index.
LOWBIT_INLINE void BinnedError::Side::add_bin(double lo, double hi, const Moments& m) {
  const std::uint32_t bin = bin_of(lo);
  if (sums.size() == 1) first = bin, first_begin = lo;
  last_end = hi;
  const Moments before = sums.back();
  sums.resize(bin - first + 1, before);
  sums.push_back({before.count + m.count, before.sum + m.sum, before.squares + m.squares});
}

// Of the magnitudes below that one, the part of its own bin included.
LOWBIT_INLINE BinnedError::Moments BinnedError::Side::within(double magnitude) const {
  if (magnitude > farthest) return all;
  if (magnitude <= nearest) return {};
  const std::uint32_t bin = bin_of(magnitude);
  if (bin < first || magnitude >= last_end) return bin < first ? sums.front() : sums.back();
  const std::size_t i = bin - first;
  Moments m = sums[i];
  const double count = sums[i + 1].count - m.count;
  const double lo = i == 0 ? first_begin : bin_begin(bin);
  if (count == 0 || magnitude <= lo) return m;
  const double hi = i + 2 == sums.size() ? last_end : bin_begin(bin + 1);
  const double share = count * ((magnitude - lo) / (hi - lo));
  m.count += share;
  m.sum += share * (lo + magnitude) / 2;
  m.squares += share * (lo * lo + lo * magnitude + magnitude * magnitude) / 3;
  return m;
}

LOWBIT_INLINE double BinnedError::operator()(const Levels& levels, double clip_weight) const {
  using namespace binned_error;
  double error = 0, level = levels.first;
  const double lowest = levels.first - levels.step / 2;
  Moments from = at(lowest);
  if (from.count > -negative_.all.count)
    error += clip_weight * squared_error(between(-kInfinity, lowest), level);
  for (std::int64_t i = 0; i < levels.count; ++i) {
    level = levels.first + static_cast<double>(i) * levels.step;
    const Moments to = at(level + levels.step / 2);
    if (to.count > from.count) error += squared_error(minus(to, from), level);
    from = to;
  }
  const Moments clipped = minus(positive_.all, from);
  return clipped.count > 0 ? error + clip_weight * squared_error(clipped, level) : error;
}

LOWBIT_INLINE double BinnedError::above(double at) const {
  using namespace binned_error;
  return squared_error(between(at, kInfinity), at);
}

LOWBIT_INLINE double BinnedError::below(double at) const {
  using namespace binned_error;
  return squared_error(between(-kInfinity, at), at);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
