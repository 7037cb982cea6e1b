// SPDX-License-Identifier: Apache-2.0
// A front that people can read: some tens of the choices that no other one beats.
#pragma once

#include <vector>

#include "lowbit/search/choose.h"
#include "lowbit/search/result.h"

namespace lowbit::detail {

FrontPoint front_point(const CostTable& table, const std::vector<int>& choice);
bool same_schemes(const FrontPoint& a, const FrontPoint& b);

/// At levels of noise from the least to the most that counts: the choices of least time, least bytes
/// and least goal. Those that another one of them beats are left out. By time.
std::vector<FrontPoint> front_sections(const CostTable& table, const ChoiceGoal& goal);

}  // namespace lowbit::detail
