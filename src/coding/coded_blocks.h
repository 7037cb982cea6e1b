// SPDX-License-Identifier: Apache-2.0
// Lists of numbers as a compressed file keeps them: the few that a list needs to be read again go among the
// structure of the file (which context_coder.h compresses), the numbers themselves behind it, by bytes of
// the same place (all lowest bytes, ...), each such plane
//
//   kept        among the structure, where there are few of them
//   raw         as they are, where coding does not pay
//   own table   rANS by a table of its own, which goes among the structure
//   old table   rANS by the table of an earlier plane
//
// whichever takes the fewest bytes. Codes of 4 and 2 bits are symbols of their own, not by bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "coding/frequency_table.h"
#include "core/byte_source.h"

namespace lowbit::coding {

/// Planes up to this are kept among the structure, which has no tables to pay for.
constexpr std::uint64_t kFewBytes = 1024;

/// What a plane became; stored.
enum class BlockForm : std::uint8_t { kept, raw, own_table, old_table };

/// Writes planes. `structure` is where a list's description goes, a byte at a time.
class BlockWriter {
 public:
  /// `numbers`: elements of `element` bytes; or, where that is 1, codes of `symbol_bits` bits (8, 4 or 2),
  /// lowest first.
  void add(std::span<const std::byte> numbers, std::size_t element, int symbol_bits,
           std::vector<std::byte>& structure);
  /// All that goes behind the structure.
  const std::vector<std::byte>& blocks() const { return blocks_; }

 private:
  void add_plane(std::vector<std::uint8_t> plane, int symbol_bits, std::vector<std::byte>& structure);

  std::vector<std::byte> blocks_;
  std::vector<FrequencyTable> tables_;
};

/// Reads them again, in the same order.
class BlockReader {
 public:
  explicit BlockReader(SourceCursor blocks) : blocks_(blocks) {}

  /// Gives the planes of `bytes` bytes in all to `take`, with their number, one after the other; nothing is
  /// allocated for what cannot be there. `structure` reads as many bytes as it is given, and throws where
  /// there are none. Returns false where the blocks are damaged.
  bool read(std::uint64_t count, std::size_t element, int symbol_bits,
            const std::function<void(std::span<std::uint8_t>)>& structure,
            const std::function<void(std::size_t, std::span<const std::uint8_t>)>& take);
  bool at_end() const { return blocks_.left() == 0; }

 private:
  bool read_plane(std::uint64_t bytes, int symbol_bits,
                  const std::function<void(std::span<std::uint8_t>)>& structure,
                  std::vector<std::uint8_t>& plane);
  bool read_symbols(std::uint64_t bytes, int symbol_bits, const FrequencyTable& table,
                    std::uint64_t word_count, std::vector<std::uint8_t>& plane);

  SourceCursor blocks_;
  std::vector<FrequencyTable> tables_;
};

}  // namespace lowbit::coding
