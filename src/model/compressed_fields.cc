// SPDX-License-Identifier: Apache-2.0
#include "model/compressed_fields.h"

#include <algorithm>
#include <iterator>

namespace lowbit::detail {

std::vector<std::byte> join_compressed(const std::vector<std::byte>& structure,
                                       const coding::BlockWriter& blocks) {
  const std::vector<std::byte> coded = coding::context_encode(structure);
  const std::uint64_t sizes[] = {structure.size(), coded.size()};
  std::vector<std::byte> bytes;
  bytes.reserve(sizeof(sizes) + coded.size() + blocks.blocks().size());
  std::ranges::copy(std::as_bytes(std::span(sizes)), std::back_inserter(bytes));
  std::ranges::copy(coded, std::back_inserter(bytes));
  std::ranges::copy(blocks.blocks(), std::back_inserter(bytes));
  return bytes;
}

}  // namespace lowbit::detail
