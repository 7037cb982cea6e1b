// The elementwise kernel of a header-only program: the scalar one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/kernels/elementwise_kernel.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::elementwise_loops {

#include "lowbit/kernels/detail/nearest_level.inl"

#include "lowbit/kernels/detail/elementwise_scalar.inl"

inline constexpr ElementwiseKernel kScalar = scalar_kernel();

}  // namespace detail::elementwise_loops

inline const ElementwiseKernel& elementwise() {
  return detail::elementwise_loops::kScalar;
}

}  // namespace lowbit
LOWBIT_END_EXACT
