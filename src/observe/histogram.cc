#include "lowbit/observe/histogram.h"

#include <algorithm>
#include <bit>

#include "observe/clip_search.h"

namespace lowbit {
namespace {

constexpr std::uint32_t kBlocks = 512;  // sign and exponent
constexpr int kBlockShift = 23;

}  // namespace

void Histogram::observe(std::span<const float> x) {
  constexpr std::uint32_t kBins = 1u << kMantissaBits;
  if (blocks_.empty()) blocks_.resize(kBlocks);
  float low = min_, high = max_;
  for (const float raw : x) {
    const float v = raw + 0.0f;  // -0 becomes +0, so that the state does not depend on the order
    const auto bits = std::bit_cast<std::uint32_t>(v);
    if ((bits & 0x7F800000u) == 0x7F800000u) {
      ++non_finite_;
      continue;
    }
    Block& block = blocks_[bits >> kBlockShift];
    if (block.empty()) block.resize(kBins);
    ++block[(bits >> (kBlockShift - kMantissaBits)) & (kBins - 1)];
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  min_ = low;
  max_ = high;
  count_ += x.size();
}

void Histogram::merge(const Histogram& other) {
  if (blocks_.empty()) blocks_.resize(other.blocks_.size());
  for (std::size_t i = 0; i < other.blocks_.size(); ++i) {
    const Block& from = other.blocks_[i];
    Block& to = blocks_[i];
    if (to.empty() && !from.empty()) to.resize(from.size());
    for (std::size_t j = 0; j < from.size(); ++j) to[j] += from[j];
  }
  min_ = other.min_ < min_ ? other.min_ : min_;
  max_ = other.max_ > max_ ? other.max_ : max_;
  count_ += other.count_;
  non_finite_ += other.non_finite_;
}

Range Histogram::range(IntRange codes) const {
  if (!(min_ <= max_)) return {0.0f, 0.0f};
  const Range full{min_ < 0 ? min_ : 0.0f, max_ > 0 ? max_ : 0.0f};
  const std::int64_t steps = std::int64_t{codes.qmax} - codes.qmin;
  if (steps < 1 || steps > 4095 || full.min == full.max) return full;

  std::vector<detail::Bin> bins;
  const auto add_block = [&](std::uint32_t block, bool negative) {
    if (block >= blocks_.size() || blocks_[block].empty()) return;
    for (std::uint32_t i = 0; i < blocks_[block].size(); ++i) {
      const std::uint32_t j = negative ? static_cast<std::uint32_t>(blocks_[block].size()) - 1 - i : i;
      if (blocks_[block][j] == 0) continue;
      const auto count = static_cast<double>(blocks_[block][j]);
      const std::uint32_t low = (block & 255u) << kBlockShift | j << (kBlockShift - kMantissaBits);
      if (low == 0) {  // zeros, and subnormals that are as good as zero
        bins.push_back({0, 0, count});
        continue;
      }
      // The bin above the largest finite one starts at infinity; max_ and min_ cut that off.
      const double near = std::bit_cast<float>(low);
      const double far = std::bit_cast<float>(low + (1u << (kBlockShift - kMantissaBits)));
      const double lo = negative ? -far : near, hi = negative ? -near : far;
      bins.push_back(
          {std::clamp(lo, double(min_), double(max_)), std::clamp(hi, double(min_), double(max_)), count});
    }
  };
  for (std::uint32_t e = 256; e-- > 0;) add_block(256 + e, true);
  for (std::uint32_t e = 0; e < 256; ++e) add_block(e, false);
  return detail::search_clip_range(detail::BinnedError(bins), full, static_cast<int>(steps));
}

}  // namespace lowbit
