// The scalar reference of the u4 weight format.
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
#include "kernels/gemm/reference/activation_u8.inl"
//
#include "kernels/gemm/reference/gemm_reference.inl"

const GemmKernel kGemmU4Scalar = {.name = "u4/scalar",
                                  .format = WeightFormat::u4,
                                  .act = ActType::u8,
                                  .required = Isa::scalar,
                                  .reference = true,
                                  .nr = 64,
                                  .n_step = 1,
                                  .kr = 1,
                                  .m_step = 4,
                                  .supports = reference_supports,
                                  .panel_bytes = reference_panel_bytes,
                                  .pack = reference_pack,
                                  .run = reference_run};

}  // namespace lowbit
