// SPDX-License-Identifier: Apache-2.0
// Networks of random structure: convolutions, pools, additions of branches, products, functions.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/model/graph.h"

namespace lowbit::fuzz {

/// The choices are the bytes of `choices`, one after the other, and 0 when they are used up; weights follow
/// from them too. Has one input, C x H x W, and one output. At most some 100,000 products.
Graph random_network(std::span<const std::byte> choices);

}  // namespace lowbit::fuzz
