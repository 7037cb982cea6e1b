// SPDX-License-Identifier: Apache-2.0
#include "coding/frequency_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace lowbit::coding {
namespace {

constexpr std::uint32_t kTotal = FrequencyTable::kTotal, kMost = FrequencyTable::kMost;

/// w below 16 is itself; else 16 to 31 times a power of two.
std::uint64_t value_of(std::uint8_t w) {
  return w < 16 ? w : std::uint64_t{16u + (w & 15u)} << ((w >> 4) - 1);
}
constexpr std::uint64_t kLargest = std::uint64_t{31} << 14;

/// The nearest; at least 1.
std::uint8_t weight_of(std::uint64_t value) {
  value = std::clamp<std::uint64_t>(value, 1, kLargest);
  if (value < 16) return static_cast<std::uint8_t>(value);
  int shift = static_cast<int>(std::bit_width(value)) - 5;
  std::uint64_t mantissa = shift == 0 ? value : (value + (std::uint64_t{1} << (shift - 1))) >> shift;
  if (mantissa == 32) mantissa = 16, ++shift;
  return static_cast<std::uint8_t>((shift + 1) << 4 | static_cast<int>(mantissa - 16));
}

/// 65536 * log2(4096 / frequency), cut to an integer bit by bit: the same on every machine.
std::uint32_t cost_of(std::uint32_t frequency) {
  const int whole = std::bit_width(frequency) - 1;
  std::uint64_t x = std::uint64_t{frequency} << (31 - whole);  // in [1, 2), 31 bits behind the point
  std::uint32_t log = 0;
  for (int i = 0; i < 16; ++i) {
    x = x * x >> 31;
    log <<= 1;
    if (x >> 32 != 0) log |= 1, x >>= 1;
  }
  return (12u << 16) - ((static_cast<std::uint32_t>(whole) << 16) + log);
}

const std::array<std::uint32_t, kTotal + 1>& costs() {
  static const auto table = [] {
    std::array<std::uint32_t, kTotal + 1> all{};
    for (std::uint32_t f = 1; f <= kTotal; ++f) all[f] = cost_of(f);
    return all;
  }();
  return table;
}

}  // namespace

void count_symbols(std::span<const std::uint8_t> symbols, SymbolCounts& counts) {
  for (const std::uint8_t s : symbols) ++counts[s];
}

SymbolWeights FrequencyTable::weights_of(const SymbolCounts& counts) {
  const std::uint64_t most = *std::max_element(counts.begin(), counts.end());
  const int shift = std::max(static_cast<int>(std::bit_width(most)) - 40, 0);  // products stay below 2^64
  const std::uint64_t whole = std::max<std::uint64_t>(most >> shift, 1);
  SymbolWeights weights{};
  for (std::size_t s = 0; s < 256; ++s)
    if (counts[s] > 0) weights[s] = weight_of(((counts[s] >> shift) * kLargest + whole / 2) / whole);
  return weights;
}

FrequencyTable::FrequencyTable(const SymbolWeights& weights) {
  std::uint64_t sum = 0;
  for (const std::uint8_t w : weights) sum += value_of(w);
  if (sum == 0) return;
  std::uint32_t total = 0;
  std::array<std::uint64_t, 256> rest{};  // of the division, by which what is left is handed out
  for (std::size_t s = 0; s < 256; ++s) {
    if (weights[s] == 0) continue;
    const std::uint64_t share = value_of(weights[s]) * kTotal;
    frequency_[s] = std::clamp<std::uint32_t>(static_cast<std::uint32_t>(share / sum), 1, kMost);
    rest[s] = share % sum;
    total += frequency_[s];
  }
  std::array<std::size_t, 256> order{};
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rest[a] > rest[b]; });
  for (std::size_t i = 0; i < 256 && total < kTotal; ++i) {
    std::uint32_t& f = frequency_[order[i]];
    if (f > 0 && f < kMost) ++f, ++total;
  }
  while (total > kTotal) {  // rare symbols took more than their share: the frequent ones give it
    --*std::max_element(frequency_.begin(), frequency_.end());
    --total;
  }
  for (std::uint32_t s = 0, at = 0; s < 256; at += frequency_[s], ++s) first_[s] = at;
}

std::uint64_t FrequencyTable::cost(const SymbolCounts& counts) const {
  std::uint64_t bits = 0;
  for (std::size_t s = 0; s < 256; ++s) {
    if (counts[s] == 0) continue;
    if (frequency_[s] == 0) return kNever;
    bits += counts[s] * costs()[frequency_[s]];
  }
  return bits;
}

std::vector<std::uint32_t> FrequencyTable::decoding_table() const {
  std::vector<std::uint32_t> table(kTotal, 0);
  for (std::uint32_t s = 0; s < 256; ++s)
    for (std::uint32_t i = 0; i < frequency_[s]; ++i)
      table[first_[s] + i] = s << 24 | (frequency_[s] - 1) << 12 | i;
  return table;
}

}  // namespace lowbit::coding
