// SPDX-License-Identifier: Apache-2.0
// Which of many points no other one beats.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace lowbit::detail {

inline constexpr std::size_t kMostCriteria = 5;
using Criteria = std::array<double, kMostCriteria>;

/// Indices of the points that no other one beats in the first `count` criteria (less is better), in
/// lexicographic order; of equal ones the first.
std::vector<std::size_t> undominated(const std::vector<Criteria>& points, std::size_t count);

}  // namespace lowbit::detail
