// SPDX-License-Identifier: Apache-2.0
// expected_error: what quantizing a distribution with given parameters costs, from the bins of a
// FloatHistogram and without the values. It is exact but for how values lie inside a bin, which is taken as
// evenly (zeros are exact), and it is what the searching observers minimize.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit {

struct ExpectedError {
  double mse = 0;      ///< mean squared difference between a value and what its code stands for
  double sqnr_db = 0;  ///< 10 log10(mean square of the values / mse); +inf when mse is 0
  double clipped = 0;  ///< share of values more than half a step beyond the outermost levels: codes saturate
};

/// Of the finite values; {0, +inf, 0} when there are none. Takes time in proportion to the number of codes.
/// Throws Error(invalid_argument) for a scale that is not positive and finite, no codes, or a zero point
/// that is none of them.
ExpectedError expected_error(const FloatHistogram& distribution, QParams q, IntRange codes);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/expected_error-inl.h"
#endif
