// The list of kernels: explicit, because static registration vanishes when the library is an archive. Best
// first, scalar references last. The LOWBIT_HAVE_* macros come from lowbit_add_kernel: the kernels that this
// build has.
#include "kernels/kernel_table.h"

#include <array>

#include "lowbit/kernels/cpu.h"

namespace lowbit {
namespace {

const GemmKernel* const kGemmKernels[] = {
#ifdef LOWBIT_HAVE_GEMM_S8_AVX512VNNI
    &kGemmS8Avx512Vnni,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_AVX2
    &kGemmS8Avx2,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_NEONDOT
    &kGemmS8NeonDot,
#endif
#ifdef LOWBIT_HAVE_GEMM_S8_NEON
    &kGemmS8Neon,
#endif
    &kGemmS8Scalar,     &kGemmU4Scalar, &kGemmS2Scalar,
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
// s8 kernel takes one-group u4 and s2 matrices, widened when packed), then the reference of the format.
const GemmKernel& select_gemm_kernel(const WeightSpec& spec, Isa isa) {
  const GemmKernel* other = nullptr;
  const GemmKernel* reference = nullptr;
  for (const GemmKernel* kernel : kGemmKernels) {
    if (!has_isa(isa, kernel->required)) continue;
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
