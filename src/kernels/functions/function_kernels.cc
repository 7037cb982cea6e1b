// The function kernels of this build.
#include <iterator>

#include "kernels/functions/function_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const FunctionKernel* kKernels[] = {
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
  *count = std::size(kKernels);
  return kKernels;
}

const FunctionKernel& select_function_kernel(Isa isa) {
  for (const FunctionKernel* kernel : kKernels)
    if (has_isa(isa, kernel->required)) return *kernel;
  return kFunctionsScalar;
}

}  // namespace lowbit::kernels
