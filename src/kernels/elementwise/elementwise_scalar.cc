// SPDX-License-Identifier: Apache-2.0
// The scalar elementwise loops as a table entry.
#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::kernels::elementwise_loops {
namespace {

#include "lowbit/kernels/detail/nearest_level.inl"

#include "lowbit/kernels/detail/elementwise_scalar.inl"

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops

namespace lowbit::kernels {

extern constinit const ElementwiseKernel kElementwiseScalar = elementwise_loops::scalar_kernel();

}  // namespace lowbit::kernels
