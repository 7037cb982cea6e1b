// SPDX-License-Identifier: Apache-2.0
// The elementwise kernel of a header-only program: the scalar one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/kernels/elementwise_kernel.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::kernels {
namespace scalar_loops {

#include "lowbit/kernels/detail/nearest_level.inl"

#include "lowbit/kernels/detail/elementwise_scalar.inl"

inline constexpr ElementwiseKernel kScalar = scalar_kernel();

}  // namespace scalar_loops

inline const ElementwiseKernel& elementwise() {
  return scalar_loops::kScalar;
}

}  // namespace lowbit::kernels
LOWBIT_END_EXACT
