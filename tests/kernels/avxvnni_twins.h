// SPDX-License-Identifier: Apache-2.0
// Twins of the AVX-VNNI kernels in the EVEX encoding: the same source for processors with AVX512-VNNI, where
// they stand in for the originals. The library has none, since those processors have wider kernels.
#pragma once

#include <span>

#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::testing {

/// Empty where the target has no AVX-512.
std::span<const kernels::GemmKernel* const> avxvnni_twins();

}  // namespace lowbit::testing
