// SPDX-License-Identifier: Apache-2.0
// The answer of a classifier: which of its outputs is the largest.
#pragma once

#include <cstdint>

#include "lowbit/core/view.h"
#include "model/output_scores.h"

namespace lowbit::train {

/// Of sample `i` of a batch of outputs: along the first dimension of a sample, as argmax() has it.
inline std::int64_t answer_of(const TensorView& outputs, std::int64_t i) {
  return argmax(outputs.data + i * outputs.strides[0], outputs.shape[1], outputs.strides[1]);
}

}  // namespace lowbit::train
