// The elementwise loops for Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_neon.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseNeon = {.name = "elementwise/neon",
                                            .required = Isa::neon,
                                            .quantize_u8 = quantize_u8,
                                            .dequantize_u8 = dequantize_u8,
                                            .min_max = min_max,
                                            .add_u8 = add_u8,
                                            .sum_u8 = sum_u8};

}  // namespace lowbit
