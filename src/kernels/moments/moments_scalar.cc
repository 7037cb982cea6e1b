// SPDX-License-Identifier: Apache-2.0
// The definition of a moment kernel.
#include "kernels/moments/moment_kernel.h"

namespace lowbit::kernels {
namespace {

void products(const double* a, const double* b, std::size_t rows, double* out) {
  for (unsigned e = 0; e < kMomentTile * kMomentTile; ++e) out[e] = 0.0;
  for (std::size_t r = 0; r < rows; ++r, a += kMomentTile, b += kMomentTile)
    for (unsigned i = 0; i < kMomentTile; ++i)
      for (unsigned j = 0; j < kMomentTile; ++j) out[kMomentTile * i + j] += a[i] * b[j];
}

}  // namespace

const MomentKernel kMomentsScalar{"moments/scalar", Isa::scalar, products};

}  // namespace lowbit::kernels
