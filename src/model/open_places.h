// SPDX-License-Identifier: Apache-2.0
// At which sizes of its open dimensions a network is looked at before its import is trusted at all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/model/open_shapes.h"

namespace lowbit::detail {

struct OpenPlaces {
  /// One a dimension: with it, and all others at their highest, rules are found.
  std::vector<std::int64_t> others{};
  /// Where the network must have the nodes that it has at the highest sizes, and follow the rules.
  std::vector<std::vector<std::int64_t>> same{};
  /// Where it need only give the same results: a dimension is 0 or 1 there, at which an import drops what
  /// does nothing at that size.
  std::vector<std::vector<std::int64_t>> small{};
};

OpenPlaces places_to_look(std::span<const OpenDimension> dimensions);

}  // namespace lowbit::detail
