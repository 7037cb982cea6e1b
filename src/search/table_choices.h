// SPDX-License-Identifier: Apache-2.0
// Choices from a table of costs, a candidate for each layer, by schemes.
#pragma once

#include <vector>

#include "lowbit/search/cost_table.h"
#include "lowbit/search/result.h"

namespace lowbit::detail {

/// All schemes of the table's layers, each once.
std::vector<Scheme> schemes_of(const CostTable& table);

/// Each layer in the scheme of what is no layer; the first candidate where it has none.
std::vector<int> rest_choice(const CostTable& table);
/// Each layer that can have it in `scheme`, the others as in rest_choice().
std::vector<int> uniform_choice(const CostTable& table, const Scheme& scheme);
/// What the layers of `point` have; the first candidate where a scheme is not in the table.
std::vector<int> choice_of(const CostTable& table, const FrontPoint& point);

}  // namespace lowbit::detail
