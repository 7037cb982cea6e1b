// SPDX-License-Identifier: Apache-2.0
// Quantizing an f32 row or sample at run time: range of its finite values, then scale and zero point, then
// codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/qparams.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

/// The loop parameters for u8 codes 0..qmax with these qparams.
kernels::QuantizeParams u8_quantize_params(const QParams& q, std::int32_t qmax = 255) noexcept;

/// Chooses u8 qparams for `count` contiguous values: the range of the finite ones, zero included.
QParams choose_dynamic(const float* x, std::size_t count) noexcept;

}  // namespace lowbit
