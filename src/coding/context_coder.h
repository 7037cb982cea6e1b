// SPDX-License-Identifier: Apache-2.0
// Few bytes with much structure (names, shapes, counts, scales) in fewer: each bit is predicted from the
// bytes before it by contexts of several lengths, the predictions are mixed as logarithms of odds, and an
// arithmetic coder spends what the mixture says. Mahoney, "Adaptive weighing of context models for lossless
// data compression", Florida Tech CS-2005-16. There are no tables to store, which is what counts where
// there is little to code; some 100 ns a byte, in both directions. Integer arithmetic alone: the
// same bytes on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lowbit::coding {

std::vector<std::byte> context_encode(std::span<const std::byte> bytes);

/// More bytes than this cannot come from so many: what memory may be taken for.
std::uint64_t most_context_bytes(std::uint64_t coded);

/// `size` bytes, at most most_context_bytes(coded.size()). Any bytes decode to something; where they were
/// not those of context_encode() for this size, nothing need come back.
std::optional<std::vector<std::byte>> context_decode(std::span<const std::byte> coded, std::uint64_t size);

}  // namespace lowbit::coding
