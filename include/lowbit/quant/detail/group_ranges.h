// SPDX-License-Identifier: Apache-2.0
// The smallest and largest values of groups, many groups at once.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// ranges[g]: finite_range of the values from g * group_size on; the last group may be shorter.
void group_ranges(std::span<const float> values, std::size_t group_size, std::vector<Range>& ranges);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/group_ranges-inl.h"
#endif
