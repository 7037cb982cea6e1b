// SPDX-License-Identifier: Apache-2.0
#include "layers/dynamic_input.h"

#include "lowbit/quant/dynamic.h"

namespace lowbit {

kernels::QuantizeParams u8_quantize_params(const QParams& q, std::int32_t qmax) noexcept {
  const auto zero = static_cast<float>(q.zero_point);
  return {1.0f / q.scale, 0.0f - zero, static_cast<float>(qmax) - zero, q.zero_point};
}

QParams choose_dynamic(const float* x, std::size_t count) noexcept {
  float min = 0, max = 0;
  kernels::elementwise().min_max(x, count, &min, &max);
  if (min > max) min = max = 0;  // nothing finite
  return dynamic_qparams(min, max);
}

}  // namespace lowbit
