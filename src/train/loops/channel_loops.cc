// SPDX-License-Identifier: Apache-2.0
// The loops of training of this build.
#include "train/loops/channel_loops.h"

#include <iterator>

#include "kernels/dispatch/select_kernel.h"

namespace lowbit::train {
namespace {

constexpr const ChannelLoops* kChannelLoops[] = {
#ifdef LOWBIT_HAVE_CHANNEL_LOOPS_AVX512
    &kChannelLoopsAvx512,
#endif
#ifdef LOWBIT_HAVE_CHANNEL_LOOPS_AVX2
    &kChannelLoopsAvx2,
#endif
#ifdef LOWBIT_HAVE_CHANNEL_LOOPS_NEON
    &kChannelLoopsNeon,
#endif
    &kChannelLoopsScalar,
};

}  // namespace

const ChannelLoops* const* channel_loops(std::int64_t* count) {
  *count = std::ssize(kChannelLoops);
  return kChannelLoops;
}

const ChannelLoops& select_channel_loops(Isa isa) {
  return kernels::select_kernel(kChannelLoops, isa);
}

}  // namespace lowbit::train
