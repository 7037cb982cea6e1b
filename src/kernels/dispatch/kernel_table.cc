// The list of kernels: explicit, because static registration vanishes when the library is an archive. Best
// first, scalar references last. The LOWBIT_HAVE_* macros come from lowbit_add_kernel: the kernels that this
// build has.
#include "kernels/dispatch/kernel_table.h"

#include <array>

#include "lowbit/kernels/cpu.h"

namespace lowbit {
namespace {

const GemmKernel* const kGemmKernels[] = {
#ifdef LOWBIT_HAVE_GEMM_S8_AVX512VNNI
    &kGemmS8Avx512Vnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_AVX512VNNI
    &kGemmU4Avx512Vnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4_AVX512VNNI
    &kGemmLut4Avx512Vnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_AVX512VNNI
    &kGemmS2Avx512Vnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_AVXVNNI
    &kGemmS8AvxVnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_AVXVNNI
    &kGemmU4AvxVnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_AVXVNNI
    &kGemmS2AvxVnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_AVXVNNITWIN
    &kGemmS8AvxVnniTwin,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_AVXVNNITWIN
    &kGemmU4AvxVnniTwin,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_AVXVNNITWIN
    &kGemmS2AvxVnniTwin,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_AVX2
    &kGemmS8Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_AVX2
    &kGemmU4Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4_AVX2
    &kGemmLut4Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_AVX2
    &kGemmS2Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1B1_AVX512POPCNT
    &kGemmB1B1Avx512Popcnt,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1B1_AVX512
    &kGemmB1B1Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1B1_AVX2
    &kGemmB1B1Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8F32_AVX512
    &kGemmS8F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4F32_AVX512
    &kGemmU4F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2F32_AVX512
    &kGemmS2F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4F32_AVX512
    &kGemmLut4F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT8F32_AVX512
    &kGemmLut8F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1F32_AVX512
    &kGemmB1F32Avx512,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8F32_AVX2
    &kGemmS8F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4F32_AVX2
    &kGemmU4F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2F32_AVX2
    &kGemmS2F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4F32_AVX2
    &kGemmLut4F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT8F32_AVX2
    &kGemmLut8F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1F32_AVX2
    &kGemmB1F32Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_NEONI8MM
    &kGemmS8NeonI8mm,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_NEONI8MM
    &kGemmU4NeonI8mm,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_NEONI8MM
    &kGemmS2NeonI8mm,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_NEONDOT
    &kGemmS8NeonDot,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_NEONDOT
    &kGemmU4NeonDot,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4_NEONDOT
    &kGemmLut4NeonDot,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_NEONDOT
    &kGemmS2NeonDot,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_NEON
    &kGemmS8Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4_NEON
    &kGemmU4Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4_NEON
    &kGemmLut4Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2_NEON
    &kGemmS2Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1B1_NEON
    &kGemmB1B1Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8F32_NEON
    &kGemmS8F32Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_U4F32_NEON
    &kGemmU4F32Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_S2F32_NEON
    &kGemmS2F32Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT4F32_NEON
    &kGemmLut4F32Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_LUT8F32_NEON
    &kGemmLut8F32Neon,
#endif
#ifdef LOWBIT_HAVE_GEMM_B1F32_NEON
    &kGemmB1F32Neon,
#endif
    &kGemmS8Scalar,         &kGemmU4Scalar,    &kGemmLut4Scalar,  &kGemmS2Scalar,
    &kGemmB1Scalar,         &kGemmB1B1Scalar,  &kGemmU4F32Scalar, &kGemmLut4F32Scalar,
    &kGemmLut8F32Scalar,    &kGemmS8F32Scalar, &kGemmS2F32Scalar, &kGemmB1F32Scalar,
};

const ElementwiseKernel* const kElementwiseKernels[] = {
#ifdef LOWBIT_HAVE_ELEMENTWISE_AVX512
    &kElementwiseAvx512,
#endif
#ifdef LOWBIT_HAVE_ELEMENTWISE_AVX2
    &kElementwiseAvx2,
#endif
#ifdef LOWBIT_HAVE_ELEMENTWISE_NEON
    &kElementwiseNeon,
#endif
    &kElementwiseScalar,
};

const DepthwiseKernel* const kDepthwiseKernels[] = {
#ifdef LOWBIT_HAVE_DEPTHWISE_AVX512VNNI
    &kDepthwiseAvx512Vnni,
#endif
#ifdef LOWBIT_HAVE_DEPTHWISE_AVX2
    &kDepthwiseAvx2,
#endif
#ifdef LOWBIT_HAVE_DEPTHWISE_NEONDOT
    &kDepthwiseNeonDot,
#endif
#ifdef LOWBIT_HAVE_DEPTHWISE_NEON
    &kDepthwiseNeon,
#endif
    &kDepthwiseScalar,
};

const ElementwiseKernel& best_elementwise() {
  for (const ElementwiseKernel* kernel : kElementwiseKernels)
    if (has_isa(active_isa(), kernel->required)) return *kernel;
  return kElementwiseScalar;
}

}  // namespace

const GemmKernel* const* gemm_kernels(std::size_t* count) {
  *count = std::size(kGemmKernels);
  return kGemmKernels;
}

// A kernel that is meant for the format comes first, then any other whose `supports` accepts the matrix (an
// s8 kernel takes one-group matrices of the other formats, widened when packed), then the reference of the
// format.
const GemmKernel& select_gemm_kernel(const WeightSpec& spec, Isa isa) {
  const GemmKernel* other = nullptr;
  const GemmKernel* reference = nullptr;
  for (const GemmKernel* kernel : kGemmKernels) {
    if (!has_isa(isa, kernel->required) || kernel->act != spec.act) continue;
    const bool own = kernel->format == spec.format;
    if (kernel->reference) {
      if (own) reference = kernel;
    } else if (kernel->supports(spec)) {
      if (own) return *kernel;
      if (other == nullptr) other = kernel;
    }
  }
  return other != nullptr ? *other : *reference;
}

const DepthwiseKernel* const* depthwise_kernels(std::size_t* count) {
  *count = std::size(kDepthwiseKernels);
  return kDepthwiseKernels;
}

const DepthwiseKernel& select_depthwise_kernel(Isa isa) {
  for (const DepthwiseKernel* kernel : kDepthwiseKernels)
    if (has_isa(isa, kernel->required)) return *kernel;
  return kDepthwiseScalar;
}

const ElementwiseKernel* const* elementwise_kernels(std::size_t* count) {
  *count = std::size(kElementwiseKernels);
  return kElementwiseKernels;
}

const ElementwiseKernel& elementwise() {
  static const ElementwiseKernel& best = best_elementwise();
  return best;
}

}  // namespace lowbit
