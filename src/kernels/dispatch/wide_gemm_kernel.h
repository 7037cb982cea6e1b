// SPDX-License-Identifier: Apache-2.0
// The kernel for products of many rows.
#pragma once

#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels {

/// For u8 activations and VNNI the kernel of s8 weights, where it takes the matrix: its panels have a byte
/// for each weight, which is read faster than codes are decoded again for every strip of rows. Sums are the
/// same. Else select_gemm_kernel(): with AVX2 alone products of s8 add up in 16 bits, where those of 4 bits
/// have more room, and scale groups cost more than decoding.
const GemmKernel& select_wide_gemm_kernel(const WeightSpec& spec, Isa isa);

}  // namespace lowbit::kernels
