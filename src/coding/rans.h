// SPDX-License-Identifier: Apache-2.0
// Range asymmetric numeral systems with interleaved streams: symbols of a byte in close to their entropy
// under a FrequencyTable. Duda, "Asymmetric numeral systems", arXiv:1311.2540; Giesen, "Interleaved entropy
// coders", arXiv:1402.3392. Streams take turns, symbol i belongs to stream i % streams, and share one
// sequence of 16-bit words: decoders work on all of them at once, and whichever does gives the same symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coding/frequency_table.h"
#include "lowbit/kernels/isa.h"

namespace lowbit::coding {

/// That a number of symbols is coded in: a part of the formats that use it. Each stream costs some two bytes.
int streams_for(std::uint64_t symbols);

struct RansCode {
  std::vector<std::uint32_t> states;  ///< one a stream
  std::vector<std::uint16_t> words;
  std::size_t bytes() const { return states.size() * 4 + words.size() * 2; }
};

/// Every symbol has a frequency, which is the caller's to check.
RansCode rans_encode(std::span<const std::uint8_t> symbols, const FrequencyTable& table);

/// More symbols than this cannot come from so many bytes: what memory may be taken for.
std::uint64_t most_symbols(std::uint64_t bytes);

/// Fills `symbols`; returns false where the code is not one of so many symbols. States are changed.
bool rans_decode(RansCode& code, const FrequencyTable& table, std::span<std::uint8_t> symbols, Isa isa);

}  // namespace lowbit::coding
