// SPDX-License-Identifier: Apache-2.0
// How much an operator multiplies, for reports.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/layers/ops.h"

namespace lowbit::ops {

/// Multiplications of weights or values that a product takes for one sample of these shapes; 0 for what is no
/// product, or runs as an Array.
std::int64_t count_products(const Op& op, std::span<const Shape> inputs, const Shape& output);

}  // namespace lowbit::ops
