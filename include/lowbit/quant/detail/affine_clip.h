// SPDX-License-Identifier: Apache-2.0
// The search for the scale, and the zero point or offset, that leave the least squared error.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"
#include "lowbit/quant/detail/group_values.h"
#include "lowbit/quant/groups.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit::detail {

/// Levels from `min` to `max`, or as near as the mapping lets them.
AffineGroup spanning_group(double min, double max, IntRange codes, Mapping mapping);

/// The finite values' own range; {0, 0} if there are none.

/// Never worse than `first`. `group` must not be empty.
AffineGroup least_squares_group(const GroupValues& group, const AffineGroup& first, Mapping mapping);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/affine_clip-inl.h"
#endif
