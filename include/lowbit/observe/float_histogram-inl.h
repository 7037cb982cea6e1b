// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/observe/detail/state_bytes.h"
#include "lowbit/observe/float_histogram.h"
#include "lowbit/runtime/detail/float_env.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::float_histogram {

inline constexpr int kMantissaBits = 8;
inline constexpr int kBinShift = 23 - kMantissaBits;
inline constexpr std::uint32_t kBinsPerBlock = 1u << kMantissaBits;
inline constexpr std::uint32_t kSign = 0x80000000u >> kBinShift;    // bins from here on are negative
inline constexpr std::uint32_t kInfinite = 0xFFu << kMantissaBits;  // the first bin of infinities and NaNs

inline constexpr std::uint32_t kNoBin = 0xFFFFFFFFu, kMinusZero = 0x80000000u;
inline constexpr std::size_t kPiece = 1024;
inline constexpr int kCarryBits = 31;
inline constexpr std::size_t kUncarried = std::size_t{1} << 30;

inline std::uint32_t bits_of(float x) {
  return std::bit_cast<std::uint32_t>(x);
}
// No bin for -0, which is counted as +0.
inline std::uint32_t bin_of(float x) {
  return bits_of(x) == kMinusZero ? kNoBin : bits_of(x) >> kBinShift;
}
constexpr std::uint32_t block_of(std::uint32_t bin) {
  return bin >> kMantissaBits;
}
constexpr std::uint32_t place_of(std::uint32_t bin) {
  return bin & (kBinsPerBlock - 1);
}
constexpr bool is_finite(std::uint32_t bin) {
  return (bin & (kSign - 1)) < kInfinite;
}

}  // namespace detail::float_histogram

// Where the counts of a block are while values come in. Those of blocks that do not exist yet, and of what is
// not finite, are two arrays of their own: the loop over values then has no branches.
struct FloatHistogram::Counters {
  std::array<std::uint32_t, detail::float_histogram::kBinsPerBlock> missing{}, ignored{};
  std::array<std::uint32_t*, kBlocks> of;
};

LOWBIT_INLINE void FloatHistogram::observe(std::span<const float> x) {
  using namespace detail::float_histogram;
  for (; x.size() > kUncarried; x = x.subspan(kUncarried)) observe(x.first(kUncarried));
  if (blocks_.empty()) blocks_.resize(kBlocks);
  Counters counters;
  for (std::uint32_t b = 0; b < kBlocks; ++b) {
    const bool finite = is_finite(b << kMantissaBits);
    counters.of[b] = !finite              ? counters.ignored.data()
                     : blocks_[b].empty() ? counters.missing.data()
                                          : blocks_[b].data();
  }
  const FloatEnvironmentGuard defaults;
  constexpr std::size_t kInCache = 16 * kPiece;
  for (std::size_t i = 0; i < x.size(); i += kPiece) {
    if (i % kInCache == 0) extend_to(x.subspan(i, std::min(kInCache, x.size() - i)));
    count_piece(x.subspan(i, std::min(kPiece, x.size() - i)), counters);
  }
  count_ += x.size();
  for (const std::uint32_t n : counters.ignored) non_finite_ += n;
  uncarried_ += x.size();
  if (uncarried_ > kUncarried) carry();
}

LOWBIT_INLINE void FloatHistogram::count_piece(std::span<const float> x, Counters& counters) {
  using namespace detail::float_histogram;
  std::array<std::uint32_t, kPiece> bins;
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(x[i]);
    bins[i] = (bits == kMinusZero ? 0 : bits) >> kBinShift;  // the state must not depend on which zero it is
  }
  std::uint32_t* const* const of = counters.of.data();
  for (std::size_t i = 0; i < n; ++i) ++of[block_of(bins[i])][place_of(bins[i])];
  std::uint32_t missing = 0;
  for (const std::uint32_t m : counters.missing) missing += m;
  if (missing == 0) return;
  for (std::size_t i = 0; i < n; ++i)
    if (of[block_of(bins[i])] == counters.missing.data()) add(bins[i], 1);
  counters.missing.fill(0);
  for (std::uint32_t b = 0; b < kBlocks; ++b)
    if (of[b] == counters.missing.data() && !blocks_[b].empty()) counters.of[b] = blocks_[b].data();
}

// Leaves counts below 2^31, so that as many values may come before one is looked at again.
LOWBIT_INLINE void FloatHistogram::carry() {
  using namespace detail::float_histogram;
  for (std::uint32_t b = 0; b < kBlocks; ++b)
    for (std::uint32_t i = 0; i < blocks_[b].size(); ++i)
      if (blocks_[b][i] >> kCarryBits) add(b * kBinsPerBlock + i, 0);
  uncarried_ = 0;
}

LOWBIT_INLINE void FloatHistogram::extend_to(std::span<const float> x) {
  float low, high;  // inf and -inf where nothing is finite; never -0
  kernels::elementwise().min_max(x.data(), x.size(), &low, &high);
  min_ = low < min_ ? low : min_;
  max_ = high > max_ ? high : max_;
}

LOWBIT_INLINE void FloatHistogram::add(std::uint32_t bin, std::uint64_t n) {
  using namespace detail::float_histogram;
  Block& block = blocks_[block_of(bin)];
  if (block.empty()) block.resize(kBinsPerBlock);
  std::uint32_t& count = block[place_of(bin)];
  constexpr std::uint64_t kLow = (std::uint64_t{1} << kCarryBits) - 1;
  const std::uint64_t low = count + (n & kLow), carry = (low >> kCarryBits) + (n >> kCarryBits);
  count = static_cast<std::uint32_t>(low & kLow);
  if (carry) carries_[bin] += carry;
}

LOWBIT_INLINE std::uint64_t FloatHistogram::count_of(std::uint32_t bin) const {
  using namespace detail::float_histogram;
  const auto carry = carries_.find(bin);
  return blocks_[block_of(bin)][place_of(bin)] + (carry == carries_.end() ? 0 : carry->second << kCarryBits);
}

LOWBIT_INLINE void FloatHistogram::merge(const FloatHistogram& other) {
  using namespace detail::float_histogram;
  const FloatEnvironmentGuard defaults;
  if (blocks_.empty()) blocks_.resize(other.blocks_.size());
  for (std::uint32_t b = 0; b < other.blocks_.size(); ++b)
    for (std::uint32_t i = 0; i < other.blocks_[b].size(); ++i) {
      const std::uint32_t bin = b * kBinsPerBlock + i;
      if (const std::uint64_t n = other.count_of(bin)) add(bin, n);
    }
  min_ = other.min_ < min_ ? other.min_ : min_;
  max_ = other.max_ > max_ ? other.max_ : max_;
  count_ += other.count_;
  non_finite_ += other.non_finite_;
}

// What bin `bin` has from min to max. Where it holds one of these, that value is known: a bin of its own.
LOWBIT_INLINE void FloatHistogram::put_bin(std::vector<Bin>& bins, std::uint32_t bin, Bin b) const {
  using namespace detail::float_histogram;
  const bool has_min = bin == bin_of(min_), has_max = bin == bin_of(max_);
  b.lo = std::max(b.lo, double(min_)), b.hi = std::min(b.hi, double(max_));
  if (b.lo == b.hi) return bins.push_back(b);
  if (has_min) bins.push_back({double(min_), double(min_), 1});
  b.count -= (has_min ? 1u : 0u) + (has_max ? 1u : 0u);
  if (b.count > 0) bins.push_back(b);
  if (has_max) bins.push_back({double(max_), double(max_), 1});
}

LOWBIT_INLINE std::size_t FloatHistogram::occupied() const {
  std::size_t n = carries_.size();  // as many may be zero modulo 2^32
  for (const Block& block : blocks_)
    n += block.size() - static_cast<std::size_t>(std::ranges::count(block, 0u));
  return n;
}

LOWBIT_INLINE std::vector<FloatHistogram::Bin> FloatHistogram::bins() const {
  using namespace detail::float_histogram;
  std::vector<Bin> bins;
  const auto add_bin = [&](std::uint32_t bin) {
    const std::uint64_t count = count_of(bin);
    if (count == 0) return;
    const std::uint32_t magnitude = bin & (kSign - 1);
    if (magnitude == 0) {  // zeros, and subnormals that are as good as zero
      if (!bins.empty() && bins.back().hi == 0 && bins.back().lo == 0)
        bins.back().count += count;
      else
        bins.push_back({0, 0, count});
      return;
    }
    // The bin above the largest finite one starts at infinity; max and min cut that off.
    const double near = std::bit_cast<float>(magnitude << kBinShift);
    const double far = std::bit_cast<float>((magnitude + 1) << kBinShift);
    const bool negative = bin >= kSign;
    put_bin(bins, bin, {negative ? -far : near, negative ? -near : far, count});
  };
  if (blocks_.empty()) return bins;
  bins.reserve(occupied() + 2);
  for (std::uint32_t b = kBlocks; b-- > kBlocks / 2;)
    for (std::uint32_t i = static_cast<std::uint32_t>(blocks_[b].size()); i-- > 0;)
      add_bin(b * kBinsPerBlock + i);
  for (std::uint32_t b = 0; b < kBlocks / 2; ++b)
    for (std::uint32_t i = 0; i < blocks_[b].size(); ++i) add_bin(b * kBinsPerBlock + i);
  return bins;
}

LOWBIT_INLINE double FloatHistogram::quantile(double p) const {
  if (!(p >= 0 && p <= 1))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a quantile is that of a share from 0 to 1, not {}", p));
  if (empty()) return 0;
  const std::uint64_t last = count_ - non_finite_ - 1;
  const double position = p * static_cast<double>(last);
  const std::uint64_t rank = std::min(static_cast<std::uint64_t>(position), last);
  const auto bins = this->bins();
  std::size_t bin = 0;
  std::uint64_t before = 0;
  const auto value = [&](std::uint64_t r) {  // of ranks that ascend
    while (r - before >= bins[bin].count) before += bins[bin++].count;
    if (r == 0) return double(min_);
    if (r == last) return double(max_);
    const double part = (static_cast<double>(r - before) + 0.5) / static_cast<double>(bins[bin].count);
    return bins[bin].lo + part * (bins[bin].hi - bins[bin].lo);
  };
  const double low = value(rank), fraction = position - static_cast<double>(rank);
  return fraction > 0 && rank < last ? low + fraction * (value(rank + 1) - low) : low;
}

LOWBIT_INLINE FloatHistogram FloatHistogram::magnitudes() const {
  using namespace detail::float_histogram;
  if (empty() || min_ >= 0) return *this;
  FloatHistogram result;
  result.blocks_.resize(kBlocks);
  std::uint32_t smallest = kNoBin;
  for (std::uint32_t b = 0; b < blocks_.size(); ++b)
    for (std::uint32_t i = 0; i < blocks_[b].size(); ++i) {
      const std::uint32_t bin = b * kBinsPerBlock + i, magnitude = bin & (kSign - 1);
      const std::uint64_t n = count_of(bin);
      if (n == 0) continue;
      result.add(magnitude, n);
      smallest = std::min(smallest, magnitude);
    }
  result.count_ = count_, result.non_finite_ = non_finite_;
  result.min_ = max_ <= 0 ? -max_ : std::bit_cast<float>(smallest << kBinShift);
  result.max_ = std::max(-min_, max_);
  result.min_ += 0.0f;
  return result;
}

LOWBIT_INLINE std::vector<std::byte> FloatHistogram::state() const {
  using namespace detail::float_histogram;
  detail::StateWriter out;
  out.reserve(16 + 12 * occupied());
  out.put(non_finite_);
  out.put(min());
  out.put(max());
  for (std::uint32_t b = 0; b < blocks_.size(); ++b)
    for (std::uint32_t i = 0; i < blocks_[b].size(); ++i) {
      const std::uint32_t bin = b * kBinsPerBlock + i;
      const std::uint64_t n = count_of(bin);
      if (n) out.put(bin), out.put(n);
    }
  return out.take();
}

LOWBIT_INLINE void FloatHistogram::set_state(std::span<const std::byte> bytes) {
  using namespace detail::float_histogram;
  detail::StateReader in(bytes);
  FloatHistogram read;
  // Blocks take memory from the first bin on: an empty state may stand in a file a million times.
  if (bytes.size() > sizeof(std::uint64_t) + 2 * sizeof(float)) read.blocks_.resize(kBlocks);
  read.count_ = read.non_finite_ = in.get<std::uint64_t>();
  const auto min = in.get<float>(), max = in.get<float>();
  // Bins ascend in the value among those that are not negative, which come first, and descend behind them.
  std::int64_t last = -1;
  std::uint32_t first_above = kNoBin, last_above = kNoBin, first_below = kNoBin, last_below = kNoBin;
  while (!in.at_end()) {
    const auto bin = in.get<std::uint32_t>();
    const auto n = in.get<std::uint64_t>();
    if (bin <= last || bin >= 2 * kSign || !is_finite(bin) || n == 0 || read.count_ + n < n)
      detail::throw_error(ErrorCode::corrupt_file, "the state of a histogram has a bin that cannot be");
    read.add(bin, n);
    read.count_ += n;
    std::uint32_t& first = bin < kSign ? first_above : first_below;
    if (first == kNoBin) first = bin;
    (bin < kSign ? last_above : last_below) = bin;
    last = bin;
  }
  const bool empty = last < 0;
  // Two different extremes are two values.
  if (!empty && min != max && bin_of(min) == bin_of(max) && read.count_of(bin_of(min)) < 2)
    detail::throw_error(ErrorCode::corrupt_file, "the state of a histogram has one value for two extremes");
  const std::uint32_t lowest = last_below != kNoBin ? last_below : first_above,
                      highest = last_above != kNoBin ? last_above : first_below;
  if (empty ? bits_of(min) != 0 || bits_of(max) != 0
            : !(min <= max) || bin_of(min) != lowest || bin_of(max) != highest)
    detail::throw_error(ErrorCode::corrupt_file,
                        detail::sentence("the state of a histogram has a range from {} to {}", min, max));
  if (!empty) read.min_ = min, read.max_ = max;
  *this = std::move(read);
}

}  // namespace lowbit
LOWBIT_END_EXACT
