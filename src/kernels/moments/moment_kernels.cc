// SPDX-License-Identifier: Apache-2.0
// The moment kernels of this build.
#include <iterator>

#include "kernels/dispatch/select_kernel.h"
#include "kernels/moments/moment_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const MomentKernel* kMomentKernels[] = {
#ifdef LOWBIT_HAVE_MOMENTS_AVX512
    &kMomentsAvx512,
#endif
#ifdef LOWBIT_HAVE_MOMENTS_AVX2
    &kMomentsAvx2,
#endif
#ifdef LOWBIT_HAVE_MOMENTS_NEON
    &kMomentsNeon,
#endif
    &kMomentsScalar,
};

}  // namespace

const MomentKernel* const* moment_kernels(std::size_t* count) {
  *count = std::size(kMomentKernels);
  return kMomentKernels;
}

const MomentKernel& select_moment_kernel(Isa isa) {
  return select_kernel(kMomentKernels, isa);
}

}  // namespace lowbit::kernels
