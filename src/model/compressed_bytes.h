// SPDX-License-Identifier: Apache-2.0
// Which files are compressed, and what the layers of a network take in one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit::detail {

/// By the version that a .lowbit file says it has. Throws Error(not_found) or Error(io).
bool is_compressed_file(const std::string& path);
/// Of each node its numbers and names, coded by themselves: about what it adds to a compressed file.
std::vector<std::size_t> compressed_node_bytes(const Model& model);

}  // namespace lowbit::detail
