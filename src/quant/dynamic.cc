#include "lowbit/quant/dynamic.h"

#include <fmt/format.h>

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "quant/affine_qparams.h"

namespace lowbit {

QParams dynamic_qparams(float min, float max) noexcept {
  if (!(min <= max) || !std::isfinite(min) || !std::isfinite(max)) return {1.0f, 0};
  return detail::affine_qparams(min, max, unsigned_range(8), Mapping::asymmetric);
}

AdaptiveRange::AdaptiveRange(float rate) : rate_(rate) {
  if (!(rate > 0.0f && rate <= 1.0f))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the rate of an adaptive range is above 0 and at most 1, not {}", rate));
}

void AdaptiveRange::update(std::span<const float> batch) {
  Range seen;
  elementwise().min_max(batch.data(), batch.size(), &seen.min, &seen.max);
  if (!(seen.min <= seen.max)) return;
  if (!started_) range_ = seen;
  started_ = true;
  // In this form, neither end can overflow or pass that of the batch.
  range_.min = (1.0f - rate_) * range_.min + rate_ * seen.min;
  range_.max = (1.0f - rate_) * range_.max + rate_ * seen.max;
}

}  // namespace lowbit
