// SPDX-License-Identifier: Apache-2.0
// Fields of a binary file with lists of numbers in blocks, and all else through the context coder: the u64
// size of the structure, the structure as a vector<u8>, the blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coding/coded_blocks.h"
#include "coding/context_coder.h"
#include "lowbit/core/error.h"
#include "model/binary_fields.h"

namespace lowbit::detail {

/// The structure and the blocks behind it, as read_compressed() takes them.
std::vector<std::byte> join_compressed(const std::vector<std::byte>& structure,
                                       const coding::BlockWriter& blocks);

/// What `write`, which gets a FieldWriter, writes.
template <class Write>
std::vector<std::byte> write_compressed(const Write& write) {
  coding::BlockWriter blocks;
  FieldWriter fields(blocks);
  write(fields);
  return join_compressed(fields.take(), blocks);
}

/// What `read` returns, which gets a FieldReader. Throws Error(corrupt_file).
template <class Read>
auto read_compressed(SourceCursor payload, const std::string& name, const Read& read) {
  std::uint64_t size = 0, coded_size = 0;
  for (std::uint64_t* number : {&size, &coded_size}) {
    if (payload.left() < sizeof(*number)) throw Error(ErrorCode::corrupt_file, "it ends in its sizes");
    payload.read(std::as_writable_bytes(std::span(number, 1)));
  }
  std::optional<std::vector<std::byte>> structure;
  if (coded_size <= payload.left()) {
    std::vector<std::byte> coded(static_cast<std::size_t>(coded_size));
    payload.read(coded);
    structure = coding::context_decode(coded, size);
  }
  if (!structure) throw Error(ErrorCode::corrupt_file, "its compressed structure is damaged");
  coding::BlockReader blocks(std::move(payload));
  const ByteSource bytes{std::span<const std::byte>(*structure)};
  FieldReader reader(SourceCursor(bytes, 0, bytes.size()), name, &blocks);
  return read(reader);
}

}  // namespace lowbit::detail
