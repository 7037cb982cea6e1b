// SPDX-License-Identifier: Apache-2.0
// The weight of an operator, whichever it is.
#pragma once

#include "lowbit/core/tensor.h"
#include "lowbit/layers/ops.h"

namespace lowbit::ops {

/// Its member `weight`, [out][in] or, of a convolution, [out][in / groups][height][width], of an Embedding
/// the table [rows][width]; null for an operator without one.
const Tensor* weight_of(const Op& op);

}  // namespace lowbit::ops
