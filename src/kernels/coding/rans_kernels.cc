// SPDX-License-Identifier: Apache-2.0
// The decoders of this build.
#include <iterator>

#include "kernels/coding/rans_kernel.h"
#include "kernels/dispatch/select_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const RansKernel* kRansKernels[] = {
#ifdef LOWBIT_HAVE_RANS_AVX2
    &kRansAvx2,
#endif
#ifdef LOWBIT_HAVE_RANS_NEON
    &kRansNeon,
#endif
    &kRansScalar,
};

}  // namespace

const RansKernel* const* rans_kernels(std::int64_t* count) {
  *count = std::ssize(kRansKernels);
  return kRansKernels;
}

const RansKernel& select_rans_kernel(Isa isa) {
  return select_kernel(kRansKernels, isa);
}

}  // namespace lowbit::kernels
