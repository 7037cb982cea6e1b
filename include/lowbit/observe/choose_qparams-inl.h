// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/affine_qparams.h"

namespace lowbit {

LOWBIT_INLINE QParams choose_qparams(Range range, IntRange codes, Mapping mapping) {
  if (!std::isfinite(range.min) || !std::isfinite(range.max) || range.min > range.max)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a range from {} to {} cannot be quantized", range.min, range.max));
  if (codes.qmin >= codes.qmax)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("there are no codes from {} to {}", codes.qmin, codes.qmax));
  if (mapping == Mapping::asymmetric_real)
    detail::throw_error(ErrorCode::invalid_argument, "a real offset has no integer zero point to choose");
  return detail::affine_qparams(range.min, range.max, codes, mapping);
}

}  // namespace lowbit
