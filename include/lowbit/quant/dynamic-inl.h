// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/quant/affine_qparams.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/runtime/detail/float_env.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE QParams dynamic_qparams(float min, float max) noexcept {
  if (!(min <= max) || !std::isfinite(min) || !std::isfinite(max)) return {1.0f, 0};
  return detail::affine_qparams(min, max, unsigned_range(8), Mapping::asymmetric);
}

LOWBIT_INLINE AdaptiveRange::AdaptiveRange(float rate) : rate_(rate) {
  if (!(rate > 0.0f && rate <= 1.0f))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("the rate of an adaptive range is above 0 and at most 1, not {}", rate));
}

LOWBIT_INLINE void AdaptiveRange::update(std::span<const float> batch) {
  const FloatEnvironmentGuard defaults;
  Range seen;
  kernels::elementwise().min_max(batch.data(), batch.size(), &seen.min, &seen.max);
  if (!(seen.min <= seen.max)) return;
  // In double, differences do not overflow, and rounding does not carry an end past that of the batch.
  const auto towards = [this](float from, float to) {
    return static_cast<float>(double(from) + double(rate_) * (double(to) - double(from)));
  };
  range_ = started_ ? Range{towards(range_.min, seen.min), towards(range_.max, seen.max)} : seen;
  started_ = true;
}

}  // namespace lowbit
LOWBIT_END_EXACT
