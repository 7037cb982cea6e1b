// The elementwise loops for AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_avx2.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseAvx2 = {.name = "elementwise/avx2",
                                            .required = Isa::avx2 | Isa::avx2,
                                            .quantize_u8 = quantize_u8,
                                            .dequantize_u8 = dequantize_u8,
                                            .min_max = min_max,
                                            .add_u8 = add_u8,
                                            .sum_u8 = sum_u8};

}  // namespace lowbit
