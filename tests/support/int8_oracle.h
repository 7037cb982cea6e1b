// SPDX-License-Identifier: Apache-2.0
// Plain loops that say what a quantized Conv2d must compute, from the codes and qparams of the model alone:
// exact integers in 64 bits, then the documented float steps. Shares no code with the library.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "lowbit/layers/conv2d.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::testing {

/// u8 codes of one sample, C x H x W.
struct CodeImage {
  std::int64_t channels, height, width;
  std::vector<std::uint8_t> codes;
  QParams q;
  std::int32_t qmax = 255;
  std::uint8_t at(std::int64_t c, std::int64_t y, std::int64_t x) const {
    return codes[static_cast<std::size_t>((c * height + y) * width + x)];
  }
};

inline std::uint8_t quantize_code(float x, const QParams& q, std::int32_t qmax = 255) {
  const auto zero = static_cast<float>(q.zero_point);
  float v = x * (1.0f / q.scale);
  v = v < 0.0f - zero ? 0.0f - zero : v;
  v = v > static_cast<float>(qmax) - zero ? static_cast<float>(qmax) - zero : v;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(v)) + q.zero_point);
}

/// What the epilogue turns a sum into; `out` empty: f32.
struct OracleOutput {
  std::optional<QParams> out;
  bool dynamic = false;
};

/// One output element before rounding to codes.
inline float conv_element(const ops::Conv2dOp& op, const QuantizedMatrix& w, const CodeImage& in,
                          std::int64_t o, std::int64_t oy, std::int64_t ox, const OracleOutput& spec,
                          std::optional<std::uint8_t> residual, const QParams& residual_q, bool* fits) {
  const std::int64_t per_group_in = op.weight.shape[1], per_group_out = w.rows / op.groups;
  const std::int64_t group = o / per_group_out, kh = op.window.kernel[0], kw = op.window.kernel[1];
  const std::int32_t middle = w.format == WeightFormat::s8 ? 0 : w.format == WeightFormat::u4 ? 8 : 2;
  const std::int32_t zero = w.zero_points.empty() ? middle : w.zero_points[static_cast<std::size_t>(o)];
  std::int64_t sum = 0;
  for (std::int64_t ky = 0; ky < kh; ++ky)
    for (std::int64_t kx = 0; kx < kw; ++kx) {
      const std::int64_t y = oy * op.window.stride[0] - op.window.pad[0] + ky * op.window.dilation[0];
      const std::int64_t x = ox * op.window.stride[1] - op.window.pad[1] + kx * op.window.dilation[1];
      if (y < 0 || y >= in.height || x < 0 || x >= in.width) continue;  // zero: contributes nothing
      for (std::int64_t c = 0; c < per_group_in; ++c)
        sum += std::int64_t{in.at(group * per_group_in + c, y, x) - in.q.zero_point} *
               (w.code(o, (ky * kw + kx) * per_group_in + c) - zero);
    }
  *fits = *fits && sum == static_cast<std::int32_t>(sum);
  const float inverse_out = spec.out ? 1.0f / spec.out->scale : 1.0f;
  const float s_w = w.scales[static_cast<std::size_t>(o)];
  float f = static_cast<float>(static_cast<std::int32_t>(sum));
  if (spec.dynamic) {
    f = f * s_w;
    f = f * in.q.scale;
  } else {
    const float s = in.q.scale * s_w;
    f = f * (s * inverse_out);
  }
  if (!op.bias.empty()) f = f + op.bias[static_cast<std::size_t>(o)] * inverse_out;
  if (residual)
    f = f + (static_cast<float>(*residual) - static_cast<float>(residual_q.zero_point)) *
                (residual_q.scale * inverse_out);
  const float lo = op.activation.lo * inverse_out, hi = op.activation.hi * inverse_out;
  f = f < lo ? lo : f;
  return f > hi ? hi : f;
}

inline std::uint8_t to_code(float f, const QParams& q, std::int32_t qmax = 255) {
  const auto zero = static_cast<float>(q.zero_point);
  f = f < 0.0f - zero ? 0.0f - zero : f;
  f = f > static_cast<float>(qmax) - zero ? static_cast<float>(qmax) - zero : f;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(f)) + q.zero_point);
}

}  // namespace lowbit::testing
