// SPDX-License-Identifier: Apache-2.0
// Integer weights of a caller in the canonical form that is packed: a row for each output channel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/layers/gemm.h"

namespace lowbit {

/// Moving it leaves `spec` valid: that points into vectors, or to the caller's memory.
struct WeightRows {
  std::vector<std::uint8_t> codes{};  ///< copied, where they do not lie as kernels read them
  std::vector<std::int32_t> zero_points{};
  kernels::WeightSpec spec{};
};

/// `weights` are N x K; zero points none, one, or one for each row. Throws Error naming `name`, or
/// `zero_points_name`.
WeightRows weight_rows(const IntegerView& weights, std::span<const std::int32_t> zero_points,
                       const char* name, const char* zero_points_name);

}  // namespace lowbit
