// SPDX-License-Identifier: Apache-2.0
// The range of codes that a function reads, chosen by what the function makes of them. What it flattens needs
// no codes: of an input of hard_swish from -40 to 40 everything below -3 gives 0, so that a range from -3 has
// steps of little more than half the size and loses nothing.
#pragma once

#include "lowbit/core/qparams.h"
#include "lowbit/layers/function.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit::detail {

/// Inside the range of `seen` and 0: the least mean of (f(x) - f(what the code of x stands for))^2 that a
/// search finds, over its finite terms.
Range function_range(const ops::FunctionOp& op, const FloatHistogram& seen, IntRange codes);

}  // namespace lowbit::detail
