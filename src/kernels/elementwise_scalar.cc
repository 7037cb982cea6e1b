// The scalar elementwise loops: what every other entry must give, bit for bit.
#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_scalar.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseScalar = {.name = "elementwise/scalar",
                                              .required = Isa::scalar,
                                              .quantize_u8 = quantize_u8,
                                              .dequantize_u8 = dequantize_u8,
                                              .min_max = min_max,
                                              .add_u8 = add_u8,
                                              .sum_u8 = sum_u8};

}  // namespace lowbit
