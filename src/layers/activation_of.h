// SPDX-License-Identifier: Apache-2.0
// The activation that an operator has fused, whichever it is.
#pragma once

#include "lowbit/layers/ops.h"

namespace lowbit::ops {

/// Its member `activation`; null for an operator that has none to fuse into.
Activation* activation_of(Op& op);
const Activation* activation_of(const Op& op);

}  // namespace lowbit::ops
