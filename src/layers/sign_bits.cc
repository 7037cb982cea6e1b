// SPDX-License-Identifier: Apache-2.0
#include "layers/sign_bits.h"

#include <cmath>
#include <cstring>

#include "layers/step_common.h"

namespace lowbit {

void sign_bits(const float* x, std::size_t count, std::uint8_t* bits) noexcept {
  std::memset(bits, 0, sign_bytes(count));
  for (std::size_t i = 0; i < count; ++i)
    bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | ((x[i] < 0.0f ? 1u : 0u) << (i % 8)));
}

float mean_magnitude(const float* x, std::size_t count) noexcept {
  double sum = 0;
  std::size_t finite = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i])) continue;
    sum += std::abs(x[i]);
    ++finite;
  }
  return finite == 0 ? 0.0f : static_cast<float>(sum / static_cast<double>(finite));
}

SampleLayout sign_layout(const Shape& shape, std::int64_t groups) {
  SampleLayout l = sample_layout(shape, DType::f32);
  l.pixel_stride =
      groups * static_cast<std::int64_t>(sign_bytes(static_cast<std::size_t>(l.channels / groups)));
  l.tail = l.pixel_stride;
  l.sample_stride = ops::round_up(l.zero_pixel() + l.tail, 64);
  return l;
}

}  // namespace lowbit
