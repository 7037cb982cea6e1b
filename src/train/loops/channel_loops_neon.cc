// SPDX-License-Identifier: Apache-2.0
// The loops of training for NEON.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "train/loops/channel_loops.h"

#include "kernels/simd/vec_neon.inl"

#include "train/loops/channel_loops.inl"

namespace lowbit::train {

constinit const ChannelLoops kChannelLoopsNeon = loops_called("channel_loops/neon", Isa::neon);

}  // namespace lowbit::train
