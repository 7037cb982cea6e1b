// SPDX-License-Identifier: Apache-2.0
// The loops of training for AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "train/loops/channel_loops.h"

#include "kernels/simd/vec_avx2.inl"

#include "train/loops/channel_loops.inl"

namespace lowbit::train {

constinit const ChannelLoops kChannelLoopsAvx2 = loops_called("channel_loops/avx2", Isa::avx2);

}  // namespace lowbit::train
