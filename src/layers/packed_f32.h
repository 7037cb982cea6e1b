// SPDX-License-Identifier: Apache-2.0
// Weights and bias of a product in the form that the FP32 kernel of this machine reads.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fp32/fp32_kernel.h"

namespace lowbit::ops {

struct PackedF32 {
  std::vector<float> bias;     ///< one an output, zeros where the layer has none
  std::vector<float> weights;  ///< empty where they are read as they are
};

/// `weights`: shape.n rows of shape.k(), or null: they are read as they are.
inline std::shared_ptr<const PackedF32> pack_f32(const fp32::Fp32Kernel& kernel, const fp32::ConvShape& shape,
                                                 const float* weights, std::span<const float> bias) {
  auto packed = std::make_shared<PackedF32>();
  packed->bias.assign(bias.begin(), bias.end());
  packed->bias.resize(static_cast<std::size_t>(shape.n), 0.0f);
  if (weights) {
    packed->weights.resize(static_cast<std::size_t>(kernel.conv_packed_size(shape)));
    kernel.conv_pack(shape, weights, packed->weights.data());
  }
  return packed;
}

}  // namespace lowbit::ops
