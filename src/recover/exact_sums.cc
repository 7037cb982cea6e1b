// SPDX-License-Identifier: Apache-2.0
#include "recover/exact_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lowbit::detail {
namespace {

// Adding it to a double below 2^51 in magnitude leaves the nearest whole number in the last bits of the sum.
constexpr double kToWhole = 0x1.8p52;

std::int64_t whole(double shifted) {
  return std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(kToWhole);
}

}  // namespace

int ExactSums::top_for(double bound) {
  if (!(bound > 0)) return kEmpty;
  int exponent = 0;
  std::frexp(bound, &exponent);  // bound < 2^exponent
  const int room = exponent - (kPlace - 1);
  return room > 0 ? (room + kPlace - 1) / kPlace : -(-room / kPlace);
}

void ExactSums::raise(int top) {
  if (top <= top_) return;
  // What the old grid held was at most half of a digit of the new one: its high digits are the new low ones.
  if (top_ != kEmpty && top == top_ + 1)
    low_ = high_;
  else
    std::fill(low_.begin(), low_.end(), 0);
  std::fill(high_.begin(), high_.end(), 0);
  top_ = top;
}

void ExactSums::add(const double* values, std::size_t count, std::size_t first) {
  if (top_ == kEmpty) return;
  const double unit = std::ldexp(1.0, kPlace * top_), per_unit = std::ldexp(1.0, -kPlace * top_),
               per_low = std::ldexp(1.0, -kPlace * (top_ - 1));
  std::int64_t *high = high_.data() + first, *low = low_.data() + first;
  for (std::size_t i = 0; i < count; ++i) {
    const double h = values[i] * per_unit + kToWhole;
    // Exact: the rest has no more bits than the value.
    const double rest = values[i] - (h - kToWhole) * unit;
    high[i] += whole(h);
    low[i] += whole(rest * per_low + kToWhole);
  }
}

void ExactSums::merge(const ExactSums& other) {
  if (other.top_ == kEmpty) return;
  raise(other.top_);
  const int below = top_ - other.top_;  // of the other's grid; two or more below nothing is left of it
  if (below > 1) return;
  for (std::size_t i = 0; i < size(); ++i) {
    if (below == 0) high_[i] += other.high_[i];
    low_[i] += below == 0 ? other.low_[i] : other.high_[i];
  }
}

double ExactSums::operator[](std::size_t i) const {
  if (top_ == kEmpty) return 0.0;
  return std::ldexp(static_cast<double>(high_[i]) * 0x1p40 + static_cast<double>(low_[i]),
                    kPlace * (top_ - 1));
}

bool ExactSums::plausible(std::size_t size, std::int64_t additions) const {
  // Squares of floats and sums of many lie between 2^-298 and 2^320.
  if (high_.size() != size || low_.size() != size) return false;
  if (top_ != kEmpty && (top_ < -9 || top_ > 9)) return false;
  const std::int64_t most = top_ == kEmpty ? 0 : additions << (kPlace - 1);
  const auto fits = [&](std::int64_t digit) { return digit >= -most && digit <= most; };
  return std::all_of(high_.begin(), high_.end(), fits) && std::all_of(low_.begin(), low_.end(), fits);
}

}  // namespace lowbit::detail
