// SPDX-License-Identifier: Apache-2.0
// The loops of training without vectors.

#include <cstddef>
#include <cstdint>

#include "train/loops/channel_loops.h"

#include "kernels/simd/vec_scalar.inl"

#include "train/loops/channel_loops.inl"

namespace lowbit::train {

constinit const ChannelLoops kChannelLoopsScalar = loops_called("channel_loops/scalar", Isa::scalar);

}  // namespace lowbit::train
