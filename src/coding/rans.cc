// SPDX-License-Identifier: Apache-2.0
#include "coding/rans.h"

#include <algorithm>

#include "kernels/coding/rans_kernel.h"

namespace lowbit::coding {

using kernels::kRansBits;
using kernels::kRansLow;

int streams_for(std::uint64_t symbols) {
  return symbols < 4096 ? 1 : symbols < 32768 ? 4 : kernels::kRansLanes;
}

std::uint64_t most_symbols(std::uint64_t bytes) {
  // The likeliest symbol takes log2(4096 / 4092) bits, the 709th part of one.
  return bytes * 8 * 710;
}

RansCode rans_encode(std::span<const std::uint8_t> symbols, const FrequencyTable& table) {
  const auto streams = static_cast<std::size_t>(streams_for(symbols.size()));
  RansCode code{std::vector<std::uint32_t>(streams, kRansLow), {}};
  // What is decoded first is encoded last.
  for (std::size_t i = symbols.size(); i-- > 0;) {
    std::uint32_t& x = code.states[i % streams];
    const std::uint32_t f = table.frequency(symbols[i]);
    if (x >= std::uint64_t{f} << (32 - kRansBits)) {
      code.words.push_back(static_cast<std::uint16_t>(x));
      x >>= 16;
    }
    x = (x / f << kRansBits) + x % f + table.first_slot(symbols[i]);
  }
  std::reverse(code.words.begin(), code.words.end());
  return code;
}

bool rans_decode(RansCode& code, const FrequencyTable& table, std::span<std::uint8_t> symbols, Isa isa) {
  const std::vector<std::uint32_t> slots = table.decoding_table();
  kernels::RansDecode d;
  d.words = code.words.data(), d.word_count = static_cast<std::int64_t>(code.words.size());
  d.states = code.states.data(), d.streams = static_cast<int>(code.states.size());
  d.table = slots.data();
  d.out = symbols.data(), d.count = static_cast<std::int64_t>(symbols.size());
  if (kernels::select_rans_kernel(isa).decode(d) != d.word_count) return false;
  return std::all_of(code.states.begin(), code.states.end(), [](std::uint32_t x) { return x == kRansLow; });
}

}  // namespace lowbit::coding
