// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lowbit/layers/ops.h"

namespace lowbit::detail {

/// weight_matrix() of a Conv2d or Linear becomes `values`, of the same size.
void put_matrix(ops::Op& op, const std::vector<float>& values);

}  // namespace lowbit::detail
