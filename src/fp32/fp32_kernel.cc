// SPDX-License-Identifier: Apache-2.0
#include "fp32/fp32_kernel.h"

namespace lowbit::fp32 {

extern const Fp32Kernel kFp32Kernel_generic, kFp32Kernel_avx2, kFp32Kernel_avx512;

const Fp32Kernel* const* fp32_kernels(std::int64_t* count) {
  static constexpr const Fp32Kernel* kKernels[] = {
#ifdef LOWBIT_HAVE_EIGEN_AVX512
      &kFp32Kernel_avx512,
#endif
#ifdef LOWBIT_HAVE_EIGEN_AVX2
      &kFp32Kernel_avx2,
#endif
      &kFp32Kernel_generic};
  *count = static_cast<std::int64_t>(sizeof(kKernels) / sizeof(kKernels[0]));
  return kKernels;
}

const Fp32Kernel& fp32_kernel(Isa isa) {
  std::int64_t count = 0;
  const Fp32Kernel* const* kernels = fp32_kernels(&count);
  for (std::int64_t i = 0; i < count; ++i)
    if (has_isa(isa, kernels[i]->required)) return *kernels[i];
  return *kernels[count - 1];
}

}  // namespace lowbit::fp32
