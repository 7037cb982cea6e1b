// SPDX-License-Identifier: Apache-2.0
// What a PackedB holds.
#pragma once

#include <vector>

#include "lowbit/kernels/gemm.h"
#include "lowbit/layers/gemm.h"

namespace lowbit {

struct PackedB::State {
  kernels::PackedWeights weights{};
  std::vector<float> column_scales{};  ///< [n] that the weights bring with them; empty: 1
};

}  // namespace lowbit
