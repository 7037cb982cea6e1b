// SPDX-License-Identifier: Apache-2.0
// The int8 product of oneDNN, where CMake found it: u8 activations, s8 weights reordered beforehand, scales
// and bias a column, u8 out, one thread.
#pragma once

#include <cstddef>

#include "lowbit/kernels/gemm_kernel.h"
#include "rounds.h"

namespace lowbit::bench {

/// Multiplies `m` rows by the codes of an s8 matrix; `copies` reordered copies of it take turns. An empty
/// function where the build has no oneDNN.
Task onednn_gemm(std::uint32_t m, const kernels::WeightSpec& weights, std::size_t copies = 1);

}  // namespace lowbit::bench
