// SPDX-License-Identifier: Apache-2.0
// The function kernels of this build.
#include <iterator>

#include "kernels/dispatch/select_kernel.h"
#include "kernels/functions/function_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const FunctionKernel* kFunctionKernels[] = {
#ifdef LOWBIT_HAVE_FUNCTIONS_AVX512
    &kFunctionsAvx512,
#endif
#ifdef LOWBIT_HAVE_FUNCTIONS_AVX2
    &kFunctionsAvx2,
#endif
#ifdef LOWBIT_HAVE_FUNCTIONS_NEON
    &kFunctionsNeon,
#endif
    &kFunctionsScalar,
};

}  // namespace

const FunctionKernel* const* function_kernels(std::size_t* count) {
  *count = std::size(kFunctionKernels);
  return kFunctionKernels;
}

const FunctionKernel& select_function_kernel(Isa isa) {
  return select_kernel(kFunctionKernels, isa);
}

}  // namespace lowbit::kernels
