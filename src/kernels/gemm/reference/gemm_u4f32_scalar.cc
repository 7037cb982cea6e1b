// The scalar reference of u4 weights with f32 activations.
#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_scalar.inl"
//
#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"
//
#include "kernels/gemm/reference/gemm_reference_f32.inl"

const GemmKernel kGemmU4F32Scalar = {.name = "u4f32/scalar",
                                     .format = WeightFormat::u4,
                                     .act = ActType::f32,
                                     .required = Isa::scalar,
                                     .reference = true,
                                     .nr = 64,
                                     .n_step = 1,
                                     .kr = 1,
                                     .m_step = 4,
                                     .supports = reference_supports,
                                     .panel_bytes = reference_panel_bytes,
                                     .pack = reference_pack,
                                     .run = reference_run,
                                     .unpack = reference_unpack};

}  // namespace lowbit
