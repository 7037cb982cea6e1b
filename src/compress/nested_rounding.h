// SPDX-License-Identifier: Apache-2.0
// Choosing nested codes for one layer: coordinate descent on the errors of the layer's outputs in all widths
// at once, each seen against what that width could do alone.
#pragma once

#include <array>
#include <span>

#include "lowbit/compress/nested.h"
#include "recover/layer_judge.h"

namespace lowbit::detail {

struct NestedRounding {
  std::array<double, 4> weights;  ///< of widths
  int turns = 12;
  int threads = 1;
};

/// Without biases, which come after; see nested_biases. `moments`: of 2, 4, 6 and 8 bits, each of what the
/// layer gets and should give in the network of that width.
NestedMatrix round_nested(const MatrixView& weights, std::span<const TargetMoments> moments,
                          const NestedRounding& options);

/// Biases of 8 bits; those of the others become part of `matrix`.
std::vector<float> nested_biases(NestedMatrix& matrix, std::span<const TargetMoments> moments);

}  // namespace lowbit::detail
