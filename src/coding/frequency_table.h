// SPDX-License-Identifier: Apache-2.0
// FrequencyTable: how often each symbol of 8 bits is expected, in 4096ths, as rans.h codes by it. A table is
// stored as a weight for each symbol, a float of 4 + 4 bits; frequencies follow from the weights by integer
// arithmetic alone, so that any weights, those of a damaged file too, make a table.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lowbit::coding {

using SymbolCounts = std::array<std::uint64_t, 256>;
using SymbolWeights = std::array<std::uint8_t, 256>;

/// Adds to `counts`.
void count_symbols(std::span<const std::uint8_t> symbols, SymbolCounts& counts);

class FrequencyTable {
 public:
  /// No symbol has more than kMost 4096ths: a few bytes cannot stand for ever so many symbols.
  static constexpr std::uint32_t kTotal = 4096, kMost = 4092;
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  /// What suits these counts, of which one is above 0.
  static SymbolWeights weights_of(const SymbolCounts& counts);
  explicit FrequencyTable(const SymbolWeights& weights);

  /// 0: the symbol cannot be coded.
  std::uint32_t frequency(std::uint8_t symbol) const { return frequency_[symbol]; }
  std::uint32_t first_slot(std::uint8_t symbol) const { return first_[symbol]; }
  /// What symbols of these counts take, in 65536ths of a bit; kNever where one of them has no frequency.
  std::uint64_t cost(const SymbolCounts& counts) const;
  /// As the decoders want it (RansDecode::table). Slots that no symbol has are symbol 0.
  std::vector<std::uint32_t> decoding_table() const;

 private:
  std::array<std::uint32_t, 256> frequency_{}, first_{};
};

}  // namespace lowbit::coding
