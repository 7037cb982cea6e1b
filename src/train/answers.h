// SPDX-License-Identifier: Apache-2.0
// The answer of a classifier: which of its outputs is the largest.
#pragma once

#include <cstdint>

#include "lowbit/core/view.h"

namespace lowbit::train {

/// Of sample `i` of a batch of outputs: along the first dimension of a sample, the first of several.
inline std::int64_t answer_of(const TensorView& outputs, std::int64_t i) {
  const float* row = outputs.data + i * outputs.strides[0];
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < outputs.shape[1]; ++c)
    if (row[c * outputs.strides[1]] > row[best * outputs.strides[1]]) best = c;
  return best;
}

}  // namespace lowbit::train
