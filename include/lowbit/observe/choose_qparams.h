// SPDX-License-Identifier: Apache-2.0
// choose_qparams: the one place that turns a range of reals into scale and zero point. It owns the rules that
// zero lies inside the range, that the scale never vanishes, and what symmetry means.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

/// asymmetric: scale = (max - min) / (qmax - qmin) after widening the range to contain zero, zero_point =
/// clamp(rint(qmin - min / scale)). symmetric: scale = max(|min|, |max|) / ((qmax - qmin) / 2), with
/// zero_point = 0 for signed codes and the middle code (qmin + qmax + 1) / 2 for unsigned ones. A range of
/// zero width gives scale 1. A scale below the smallest normal float is raised to it. Throws
/// Error(invalid_argument) for a NaN or infinite range, min > max, or qmin >= qmax.
QParams choose_qparams(Range range, IntRange codes, Mapping mapping = Mapping::asymmetric);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/choose_qparams-inl.h"
#endif
