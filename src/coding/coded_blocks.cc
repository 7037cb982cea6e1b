// SPDX-License-Identifier: Apache-2.0
#include "coding/coded_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "coding/rans.h"
#include "lowbit/core/packing.h"
#include "lowbit/kernels/cpu.h"

namespace lowbit::coding {
namespace {

/// Tables that a plane may choose from: no more, since each one is tried.
constexpr std::size_t kMostTables = 256;
/// What a weight of a table takes among the structure, in 65536ths of a bit.
constexpr std::uint64_t kWeightCost = 7u << 16;

std::uint64_t symbols_in(std::uint64_t bytes, int symbol_bits) {
  return bytes * static_cast<std::uint64_t>(8 / symbol_bits);
}

std::vector<std::uint8_t> unpack(const std::vector<std::uint8_t>& bytes, int symbol_bits) {
  if (symbol_bits == 8) return bytes;
  std::vector<std::uint8_t> symbols(static_cast<std::size_t>(symbols_in(bytes.size(), symbol_bits)));
  (symbol_bits == 4 ? unpack_u4 : unpack_u2)(bytes, symbols);
  return symbols;
}

template <class T>
void append(std::vector<std::byte>& to, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  to.insert(to.end(), bytes.begin(), bytes.end());
}
template <class T>
void append_one(std::vector<std::byte>& to, const T& value) {
  append(to, std::span<const T>(&value, 1));
}

/// Weights of the symbols that there are, [1 << symbol_bits].
std::size_t table_size(int symbol_bits) {
  return std::size_t{1} << symbol_bits;
}

}  // namespace

void BlockWriter::add(std::span<const std::byte> numbers, std::size_t element, int symbol_bits,
                      std::vector<std::byte>& structure) {
  const std::size_t count = numbers.size() / element;
  for (std::size_t p = 0; p < element; ++p) {
    std::vector<std::uint8_t> plane(count);
    for (std::size_t i = 0; i < count; ++i)
      plane[i] = std::to_integer<std::uint8_t>(numbers[i * element + p]);
    add_plane(std::move(plane), symbol_bits, structure);
  }
}

void BlockWriter::add_plane(std::vector<std::uint8_t> plane, int symbol_bits,
                            std::vector<std::byte>& structure) {
  if (plane.empty()) return;
  if (plane.size() <= kFewBytes) {
    append_one(structure, BlockForm::kept);
    append(structure, std::span<const std::uint8_t>(plane));
    return;
  }
  const std::vector<std::uint8_t> symbols = unpack(plane, symbol_bits);
  SymbolCounts counts{};
  count_symbols(symbols, counts);
  const SymbolWeights weights = FrequencyTable::weights_of(counts);
  const FrequencyTable own(weights);
  const auto used = static_cast<std::uint64_t>(
      std::count_if(counts.begin(), counts.end(), [](std::uint64_t n) { return n > 0; }));
  const auto streams = static_cast<std::uint64_t>(streams_for(symbols.size()));
  const std::uint64_t raw = std::uint64_t{plane.size()} * 8 << 16;
  std::uint64_t best = own.cost(counts) + used * kWeightCost;
  std::size_t choice = tables_.size();
  for (std::size_t t = 0; t < tables_.size(); ++t)
    if (const std::uint64_t cost = tables_[t].cost(counts); cost < best) best = cost, choice = t;
  if (best + (streams * 16 << 16) >= raw) {
    append_one(structure, BlockForm::raw);
    append(blocks_, std::span<const std::uint8_t>(plane));
    return;
  }
  const bool is_new = choice == tables_.size();
  append_one(structure, is_new ? BlockForm::own_table : BlockForm::old_table);
  if (is_new)
    append(structure, std::span<const std::uint8_t>(weights).first(table_size(symbol_bits)));
  else
    append_one(structure, static_cast<std::uint8_t>(choice));
  const RansCode code = rans_encode(symbols, is_new ? own : tables_[choice]);
  append_one(structure, static_cast<std::uint64_t>(code.words.size()));
  append(blocks_, std::span<const std::uint32_t>(code.states));
  append(blocks_, std::span<const std::uint16_t>(code.words));
  if (is_new && tables_.size() < kMostTables) tables_.push_back(own);
}

bool BlockReader::read(std::uint64_t count, std::size_t element, int symbol_bits,
                       const std::function<void(std::span<std::uint8_t>)>& structure,
                       const std::function<void(std::size_t, std::span<const std::uint8_t>)>& take) {
  if (count == 0) return true;
  std::vector<std::uint8_t> plane;
  for (std::size_t p = 0; p < element; ++p) {
    if (!read_plane(count, symbol_bits, structure, plane)) return false;
    take(p, plane);
  }
  return true;
}

bool BlockReader::read_plane(std::uint64_t bytes, int symbol_bits,
                             const std::function<void(std::span<std::uint8_t>)>& structure,
                             std::vector<std::uint8_t>& plane) {
  BlockForm form{};
  structure({reinterpret_cast<std::uint8_t*>(&form), 1});
  switch (form) {
    case BlockForm::kept:
      if (bytes > kFewBytes) return false;
      plane.resize(static_cast<std::size_t>(bytes));
      structure(plane);
      return true;
    case BlockForm::raw:
      if (bytes > blocks_.left()) return false;
      plane.resize(static_cast<std::size_t>(bytes));
      blocks_.read(std::as_writable_bytes(std::span(plane)));
      return true;
    case BlockForm::own_table:
    case BlockForm::old_table:
      break;
    default:
      return false;
  }
  std::size_t index = tables_.size();
  SymbolWeights weights{};
  if (form == BlockForm::own_table) {
    structure(std::span(weights).first(table_size(symbol_bits)));
  } else {
    std::uint8_t old = 0;
    structure({&old, 1});
    index = old;
    if (index >= tables_.size()) return false;
  }
  std::uint64_t word_count = 0;
  structure({reinterpret_cast<std::uint8_t*>(&word_count), sizeof(word_count)});
  const FrequencyTable table = form == BlockForm::own_table ? FrequencyTable(weights) : tables_[index];
  if (form == BlockForm::own_table && tables_.size() < kMostTables) tables_.push_back(table);
  return read_symbols(bytes, symbol_bits, table, word_count, plane);
}

bool BlockReader::read_symbols(std::uint64_t bytes, int symbol_bits, const FrequencyTable& table,
                               std::uint64_t word_count, std::vector<std::uint8_t>& plane) {
  const std::uint64_t left = blocks_.left();
  if (word_count > left / 2 || bytes > most_symbols(left)) return false;  // neither overflows below
  const std::uint64_t symbols = symbols_in(bytes, symbol_bits);
  const auto streams = static_cast<std::uint64_t>(streams_for(symbols));
  const std::uint64_t coded = streams * 4 + word_count * 2;
  if (coded > left || symbols > most_symbols(coded)) return false;
  RansCode code{std::vector<std::uint32_t>(streams), std::vector<std::uint16_t>(word_count)};
  blocks_.read(std::as_writable_bytes(std::span(code.states)));
  blocks_.read(std::as_writable_bytes(std::span(code.words)));
  if (symbol_bits == 8) {
    plane.resize(static_cast<std::size_t>(bytes));
    return rans_decode(code, table, plane, active_isa());
  }
  std::vector<std::uint8_t> unpacked(static_cast<std::size_t>(symbols));
  if (!rans_decode(code, table, unpacked, active_isa())) return false;
  // A table of a damaged file may have more symbols than fit: packing cuts them off.
  plane.resize(static_cast<std::size_t>(bytes));
  (symbol_bits == 4 ? pack_u4 : pack_u2)(unpacked, plane);
  return true;
}

}  // namespace lowbit::coding
