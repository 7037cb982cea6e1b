// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "lowbit/quant/affine_qparams.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE QParams affine_qparams(double min, double max, IntRange codes, Mapping mapping) noexcept {
  const double steps = double(codes.qmax) - double(codes.qmin);
  if (mapping == Mapping::symmetric) {
    const double magnitude = -min > max ? -min : max;
    const std::int32_t middle = codes.qmin < 0 ? 0 : (codes.qmin + codes.qmax + 1) / 2;
    return {magnitude > 0 ? normal_scale(magnitude / (steps / 2)) : 1.0f, middle};
  }
  min = min < 0 ? min : 0;
  max = max > 0 ? max : 0;
  const float scale = max > min ? normal_scale((max - min) / steps) : 1.0f;
  double zero_point = std::nearbyint(codes.qmin - min / double(scale));
  zero_point = zero_point < codes.qmin ? codes.qmin : zero_point;
  zero_point = zero_point > codes.qmax ? codes.qmax : zero_point;
  return {scale, static_cast<std::int32_t>(zero_point)};
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
