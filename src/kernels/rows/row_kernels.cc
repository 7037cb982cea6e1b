// SPDX-License-Identifier: Apache-2.0
// The row kernels of this build.
#include <iterator>

#include "kernels/dispatch/select_kernel.h"
#include "kernels/rows/row_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const RowKernel* kRowKernels[] = {
#ifdef LOWBIT_HAVE_ROWS_AVX2
    &kRowsAvx2,
#endif
#ifdef LOWBIT_HAVE_ROWS_NEON
    &kRowsNeon,
#endif
    &kRowsScalar,
};

}  // namespace

const RowKernel* const* row_kernels(std::int64_t* count) {
  *count = std::ssize(kRowKernels);
  return kRowKernels;
}

const RowKernel& select_row_kernel(Isa isa) {
  return select_kernel(kRowKernels, isa);
}

}  // namespace lowbit::kernels
