// The scalar reference of b1 weights with sign-bit activations.
#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_scalar.inl"
//
#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"

namespace {

inline std::int32_t activation_at(const std::uint8_t* row, std::uint32_t k) {
  return (row[k / 8] >> (k % 8)) & 1 ? -1 : 1;
}

}  // namespace

#include "kernels/gemm/reference/gemm_reference.inl"

const GemmKernel kGemmB1B1Scalar = {.name = "b1b1/scalar",
                                    .format = WeightFormat::b1,
                                    .act = ActType::b1,
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
