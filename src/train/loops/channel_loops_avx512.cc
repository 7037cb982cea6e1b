// SPDX-License-Identifier: Apache-2.0
// The loops of training for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "train/loops/channel_loops.h"

#include "kernels/simd/vec_avx512.inl"

#include "train/loops/channel_loops.inl"

namespace lowbit::train {

constinit const ChannelLoops kChannelLoopsAvx512 = loops_called("channel_loops/avx512", Isa::avx512);

}  // namespace lowbit::train
