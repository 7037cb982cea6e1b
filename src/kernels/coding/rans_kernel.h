// SPDX-License-Identifier: Apache-2.0
// The interface of the decoders of asymmetric numeral systems (coding/rans.h): symbols from states and words.
// Plain data, so that kernel files include nothing else.
#pragma once

#include <cstdint>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

/// Bits of a slot: frequencies of a table add up to 2^kRansBits at most.
constexpr int kRansBits = 12;
/// A state is at least this between two symbols, and takes in 16 bits when it is below.
constexpr std::uint32_t kRansLow = 1u << 16;
/// That the vectorized decoders take; all others run on the scalar one.
constexpr int kRansLanes = 32;

/// Symbol i comes from state i % streams; a state that falls below kRansLow takes the next word, state by
/// state in that order.
struct RansDecode {
  const std::uint16_t* words = nullptr;
  std::int64_t word_count = 0;
  std::uint32_t* states = nullptr;  ///< [streams], changed
  int streams = 1;
  /// [1 << kRansBits]: symbol << 24 | (frequency - 1) << 12 | slot - first slot of the symbol.
  const std::uint32_t* table = nullptr;
  std::uint8_t* out = nullptr;
  std::int64_t count = 0;
};

struct RansKernel {
  const char* name;  ///< "rans/avx2"
  Isa required;
  /// The number of words that were taken; -1 where more were wanted than there are.
  std::int64_t (*decode)(const RansDecode&);
};

extern const RansKernel kRansAvx2, kRansNeon, kRansScalar;

/// Every decoder of this build, best first, the scalar reference last. `*count` entries.
const RansKernel* const* rans_kernels(std::int64_t* count);
/// The first that `isa` allows.
const RansKernel& select_rans_kernel(Isa isa);

}  // namespace lowbit::kernels
