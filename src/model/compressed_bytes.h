// SPDX-License-Identifier: Apache-2.0
// What the layers of a network take in a compressed file.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit::detail {

/// Of each node its numbers and names, coded by themselves: about what it adds to a compressed file.
std::vector<std::size_t> compressed_node_bytes(const Model& model);

}  // namespace lowbit::detail
