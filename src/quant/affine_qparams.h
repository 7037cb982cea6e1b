// From a range of reals to scale and zero point: the rules behind choose_qparams, dynamic_qparams and
// fit_affine.
#pragma once

#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// Expects finite min <= max, qmin < qmax and a symmetric or asymmetric mapping; choose_qparams.h states the
/// rules.
QParams affine_qparams(double min, double max, IntRange codes, Mapping mapping) noexcept;

}  // namespace lowbit::detail
