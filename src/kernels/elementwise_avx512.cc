// The elementwise loops for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseAvx512 = {.name = "elementwise/avx512",
                                              .required = Isa::avx2 | Isa::avx512,
                                              .quantize_u8 = quantize_u8,
                                              .dequantize_u8 = dequantize_u8,
                                              .min_max = min_max,
                                              .add_u8 = add_u8,
                                              .sum_u8 = sum_u8};

}  // namespace lowbit
