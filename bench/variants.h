// SPDX-License-Identifier: Apache-2.0
// What the table of kernels has on this machine, each kernel with the weights that it is measured on.
#pragma once

#include <string>
#include <vector>

#include "coded_weights.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::bench {

struct Variant {
  const kernels::GemmKernel* kernel;
  WeightCoding coding;
  /// "u4/avx512vnni-g32", "lut4/avx2-g128-fp4".
  std::string name() const;
};

/// Formats whose scales come in groups run with groups of 32 and of 128, where the kernel supports them, the
/// others with one scale a row. Ordered by coding, so that kernels of one coding share a matrix.
std::vector<Variant> gemm_variants();

}  // namespace lowbit::bench
