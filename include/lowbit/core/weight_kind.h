// SPDX-License-Identifier: Apache-2.0
// WeightKind: what a scheme calls its weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

/// The families of weight quantizers that the grammar names.
enum class WeightKind : std::uint8_t {
  fp32,
  affine,
  kmeans,
  quantile,
  nf4,
  fp4,
  log,
  apot,
  ternary,
  ttq,
  absmean,
  binary,
  fp8e4m3,
  fp8e5m2,
  mxfp,
  mxint,
  nvfp4,
};
/// How many they are, fp32 left out.
inline constexpr std::size_t kWeightKinds = static_cast<std::size_t>(WeightKind::nvfp4);

}  // namespace lowbit
