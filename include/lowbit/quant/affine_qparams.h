// SPDX-License-Identifier: Apache-2.0
// From a range of reals to scale and zero point: the rules behind choose_qparams, dynamic_qparams and
// fit_affine.
#pragma once

#include <algorithm>
#include <limits>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// A positive normal float next to `scale`, which every later computation can divide by. (The largest scale
/// whose reciprocal is still a normal float would be 2^126; beyond it only FLT_MAX bounds the scale.)
inline float normal_scale(double scale) noexcept {
  using Limits = std::numeric_limits<float>;
  return static_cast<float>(std::clamp<double>(scale, Limits::min(), Limits::max()));
}

/// Expects finite min <= max, qmin < qmax and a symmetric or asymmetric mapping; choose_qparams.h states the
/// rules.
QParams affine_qparams(double min, double max, IntRange codes, Mapping mapping) noexcept;

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/affine_qparams-inl.h"
#endif
