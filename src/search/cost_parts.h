// SPDX-License-Identifier: Apache-2.0
// What the costs of a choice are made of.
#pragma once

#include <cstddef>
#include <functional>

#include "lowbit/search/cost_table.h"

namespace lowbit::detail {

/// Power of an error as a part of the signal's; 0 for +inf.
double noise_of(double sqnr_db);

/// What converting a value costs, where codes(layer) says which layers have codes.
double conversion_ns(const CostTable::Conversion& conversion, const std::function<bool(int)>& codes);

/// In memory, of a layer and beside the layers.
std::size_t loaded_bytes(const CostTable::Candidate& candidate);
std::size_t rest_loaded_bytes(const CostTable& table);

/// Of the whole network in that scheme; 0 where the table has none.
std::size_t workspace_of(const CostTable& table, const Scheme& scheme);

}  // namespace lowbit::detail
