// SPDX-License-Identifier: Apache-2.0
// Choosing codes for one layer by error and by the bits that they take.
#pragma once

#include "compress/layer_objective.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::detail {

struct SizeRounding {
  double size_weight = 1;
  int bits = 4;
  int turns = 10;
  int threads = 1;
};

struct SizedCodes {
  QuantizedMatrix codes{};
  double bits = 0;   ///< of all codes, by their entropy
  double zeros = 0;  ///< number of them
  double relative_error = 0;
};

/// Symmetric codes with a scale for each row.
SizedCodes round_for_size(const MatrixView& weights, const LayerObjective& objective,
                          const SizeRounding& how);

}  // namespace lowbit::detail
