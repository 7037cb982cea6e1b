// SPDX-License-Identifier: Apache-2.0
// Bounds of channels with factors. A clamp at 6 is one at 6 / s where the channel is divided by s, another
// one in each channel: as min and max with constants behind the operator, which keeps the widest bounds of
// all channels, so that its codes do not have to reach farther.
#pragma once

#include "recover/scale_factors.h"

namespace lowbit::detail {

/// `graph` is `original`, whose nodes it still has in their order, with everything divided by the factors but
/// the bounds of activations. Values keep their ids; new ones come behind them.
void limit_channels(Graph& graph, const Graph& original, const Factors& factors);

}  // namespace lowbit::detail
